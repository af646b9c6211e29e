/** Rows as the routes read them. */
export interface InvoiceRow {
  id: string;
  number: string;
  amount: number;
  organization_id: string;
}

export type UsageRow = { metric: string; quantity: number; organization_id: string };

/** A line of the insurer's import file; the insurer calls its customers organizations. */
export type InsurerLine = { policy: string; organization_id: number };

export interface CallRow {
  id: string;
  org_id: string;
  direction: 'inbound' | 'outbound';
  seconds: number;
  started_at: string | null;
}
