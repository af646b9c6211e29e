/** Rises when a stored journal can no longer be read as it is; an older tool then refuses instead of guessing. */
export const journalFormat = 3;

/** What runs were decided by. A journal of an earlier version of the tool has none yet. */
export const decidedTable = `
create table if not exists voxanne_rollout.decided (
  seq bigint generated always as identity primary key,
  run uuid not null,
  settings jsonb not null,
  at timestamptz not null default clock_timestamp()
);
alter table voxanne_rollout.decided enable row level security;
revoke all on voxanne_rollout.decided from public, anon, authenticated, service_role;
`;

/**
 * The journal's schema. No API role gets a grant, the schema is not among those that REST exposes, and row security is
 * on without a policy, so that even a later blanket GRANT opens nothing. It stays as history after a rollback.
 */
export const journalSchema = `
create schema if not exists voxanne_rollout;
revoke all on schema voxanne_rollout from public;
create table if not exists voxanne_rollout.meta (
  format int not null,
  id uuid not null default gen_random_uuid(),
  created_at timestamptz not null default now()
);
insert into voxanne_rollout.meta (format) select ${journalFormat} where not exists (select from voxanne_rollout.meta);
create table if not exists voxanne_rollout.entries (
  seq bigint generated always as identity primary key,
  id uuid not null unique,
  run uuid not null,
  step text not null,
  state text not null check (state in ('started', 'applied', 'reverting', 'reverted')),
  change text not null,
  checksum text not null,
  progress text,
  applied_at timestamptz,
  reverted_at timestamptz,
  milliseconds double precision not null default 0
);
create table if not exists voxanne_rollout.links (
  n bigint generated always as identity primary key,
  entry uuid not null,
  state text not null,
  hash text not null
);
create table if not exists voxanne_rollout.kept (
  entry bigint not null references voxanne_rollout.entries (seq),
  batch bigint generated always as identity,
  restored boolean not null default false,
  rows jsonb not null,
  primary key (entry, batch)
);
create table if not exists voxanne_rollout.records (
  seq bigint generated always as identity primary key,
  run uuid not null,
  step text not null,
  state text not null,
  detail text not null,
  passed int not null,
  failed int not null,
  skipped int not null,
  at timestamptz not null default clock_timestamp(),
  milliseconds double precision not null
);
create table if not exists voxanne_rollout.fingerprints (
  seq bigint generated always as identity primary key,
  step text not null,
  run uuid not null,
  moment text not null check (moment in ('before', 'after', 'rows', 'untouched', 'look')),
  state jsonb not null,
  at timestamptz not null default clock_timestamp()
);
alter table voxanne_rollout.meta enable row level security;
alter table voxanne_rollout.entries enable row level security;
alter table voxanne_rollout.links enable row level security;
alter table voxanne_rollout.kept enable row level security;
alter table voxanne_rollout.records enable row level security;
alter table voxanne_rollout.fingerprints enable row level security;
revoke all on all tables in schema voxanne_rollout from public, anon, authenticated, service_role;
${decidedTable}`;
