/** Rows of the small app (`test/fixtures/guard`): two of its organizations, and a member of the first. */
export const orgOne = 'a0000000-0000-4000-8000-000000000001';
export const orgTwo = 'a0000000-0000-4000-8000-000000000002';
export const bob = 'b0000000-0000-4000-8000-000000000002';

/** What happens to the database after a rollout; each is tried alone. */
export type Happening = { readonly name: string; readonly sql: string };
