import { integer, numeric, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';

// For drizzle-kit studio only; the app talks to the data API.

export const organizations = pgTable('organizations', {
  id: uuid('id').primaryKey().defaultRandom(),
  name: text('name').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});

export const invoices = pgTable('invoices', {
  id: uuid('id').primaryKey().defaultRandom(),
  organizationId: uuid('organization_id').notNull().references(() => organizations.id),
  number: text('number').notNull(),
  amount: numeric('amount', { precision: 10, scale: 2 }).notNull(),
});

export const calls = pgTable('calls', {
  id: uuid('id').primaryKey().defaultRandom(),
  orgId: uuid('org_id').references(() => organizations.id),
  seconds: integer('seconds').notNull().default(0),
});
