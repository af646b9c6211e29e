import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedServer, startServer } from '../../../helpers/server.ts';
import { org, user, users } from '../sign-up/schemas.ts';
import { whole } from './whole.ts';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** A nurse of a clinic who is no member of the agency above it, and somebody who is nowhere. */
const schema = `${users(3)}
  create table agencies (id uuid primary key default gen_random_uuid(), name text not null);
  create table agency_members (agency_id uuid references agencies, user_id uuid references auth.users, role text, primary key (agency_id, user_id));
  create table clinics (id uuid primary key default gen_random_uuid(), agency_id uuid not null references agencies, name text);
  create table clinic_members (clinic_id uuid references clinics, user_id uuid references auth.users, role text, primary key (clinic_id, user_id));
  create table patients (id int primary key, clinic_id uuid not null references clinics, name text);
  insert into agencies values ('${org(1)}', 'A'), ('${org(2)}', 'B'); insert into clinics values ('${org(3)}', '${org(1)}', 'C');
  insert into agency_members values ('${org(1)}', '${user(1)}', 'owner'); insert into clinic_members values ('${org(3)}', '${user(2)}', 'nurse');
  insert into patients values (1, '${org(3)}', 'p');
  alter table patients enable row level security;
  create policy staff on patients using (clinic_id in (select m.clinic_id from clinic_members m where m.user_id = auth.uid()));`;

it('whoever belongs to a part of an organization gets no other one, and what they would lose is said before the first change', async () => {
  const { reached, said, notes } = await whole(server, schema, {
    names: { organizations: 'public.agencies' },
    decisions: { orphans: 'own-organization' },
  });
  expect(reached).toBeNull();
  expect(said).toMatch(/1\.7\/access\/public\.patients\/kept|public\.patients: every user keeps access/);
  expect(said).toContain('in public.clinic_members" can no longer read 1 row');
  expect(notes).not.toContain('2 users belong to no organization');
});
