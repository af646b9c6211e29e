-- The target app's database in shape, not in content: a voice assistant for clinics, 84 tables, and everything that was
-- found wrong there. Runs as postgres, after base.sql; clinic-rows.sql fills it. The numbers in these comments are
-- counted by test/demo/databases.test.ts.
--
--   org_id on 65 tables: 46 with the right foreign key, 1 with a wrong one (bookings), 16 uuid and 2 text without any
--   organization_id on 8 (agents has both names), tenant_id on 2, no key on 10
--   65 tables without row security, 6 of them with policies that therefore do nothing; 1 with it and no policy
--   78 policies, 22 triggers that forbid changing a key, 3 views that run with their owner's rights

create type public.org_role as enum ('owner', 'admin', 'agent', 'viewer');

-- The tables that others refer to -------------------------------------------------------------------------------------

create table public.organizations (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  email text not null unique, -- a sign-up by phone has none to give
  status text not null default 'active' check (status in ('active', 'trial', 'suspended')),
  settings jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create table public.profiles (
  id uuid primary key references auth.users on delete cascade,
  organization_id uuid references public.organizations,
  email text,
  full_name text,
  role text not null default 'user',
  created_at timestamptz not null default now()
);
create table public.user_org_roles (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users on delete cascade,
  org_id uuid not null references public.organizations on delete cascade,
  role public.org_role not null default 'agent',
  created_at timestamptz not null default now(),
  unique (user_id, org_id)
);
-- Two migrations, two names; the app writes sometimes one and sometimes the other.
create table public.agents (
  id uuid primary key default gen_random_uuid(),
  org_id uuid references public.organizations on delete cascade,
  organization_id uuid references public.organizations on delete cascade,
  name text not null,
  prompt text,
  active boolean not null default true,
  created_at timestamptz not null default now()
);
create table public.contacts (
  id uuid primary key default gen_random_uuid(),
  org_id uuid references public.organizations on delete cascade,
  name text not null,
  phone text,
  email text,
  created_at timestamptz not null default now(),
  unique (org_id, phone)
);
create table public.calls (
  id uuid primary key default gen_random_uuid(),
  org_id uuid references public.organizations on delete cascade,
  agent_id uuid references public.agents on delete set null,
  contact_id uuid references public.contacts on delete set null,
  direction text not null default 'inbound' check (direction in ('inbound', 'outbound')),
  seconds integer not null default 0,
  started_at timestamptz
);
create table public.invoices (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references public.organizations on delete cascade,
  number text not null,
  amount numeric(10, 2) not null,
  created_at timestamptz not null default now(),
  unique (organization_id, number)
);
comment on column public.invoices.organization_id is 'The organization_id that pays.';
-- clinic-rows.sql adds the wrong foreign key, bookings.org_id -> profiles, NOT VALID over rows that contradict it.
create table public.bookings (
  id uuid primary key default gen_random_uuid(),
  org_id uuid,
  contact_id uuid references public.contacts on delete set null,
  starts_at timestamptz,
  status text not null default 'pending'
);

-- The plain tables ----------------------------------------------------------------------------------------------------

-- key: `fk` a foreign key to organizations, `none` no foreign key, `text` the wrong type as well; `!` means NOT NULL.
do $$
declare
  t record;
begin
  for t in
    select * from (values
      ('org_id', 'fk!', 'call_logs', 'call_id uuid references public.calls, outcome text'),
      ('org_id', 'fk!', 'call_recordings', 'call_id uuid references public.calls, path text'),
      ('org_id', 'fk!', 'call_transcripts', 'call_id uuid references public.calls, body text'),
      ('org_id', 'fk!', 'call_summaries', 'call_id uuid references public.calls, summary text'),
      ('org_id', 'none', 'call_tags', 'call_id uuid references public.calls, tag text'),
      ('org_id', 'fk', 'call_feedback', 'call_id uuid references public.calls, rating integer'),
      ('org_id', 'fk!', 'contact_notes', 'contact_id uuid references public.contacts, body text'),
      ('org_id', 'none', 'contact_tags', 'contact_id uuid references public.contacts, tag text'),
      ('org_id', 'fk!', 'appointments', 'contact_id uuid references public.contacts, starts_at timestamptz, status text'),
      ('org_id', 'fk!', 'appointment_types', 'name text, minutes integer'),
      ('org_id', 'fk', 'appointment_reminders', 'appointment_id uuid references public.appointments, sent_at timestamptz'),
      ('org_id', 'none', 'booking_slots', 'starts_at timestamptz, taken boolean'),
      ('org_id', 'fk!', 'knowledge_base', 'title text, body text'),
      ('org_id', 'fk!', 'knowledge_base_chunks', 'document_id uuid references public.knowledge_base, chunk text'),
      ('org_id', 'none!', 'knowledge_base_changelog', 'document_id uuid references public.knowledge_base, change jsonb'),
      ('org_id', 'fk!', 'integrations', 'provider text, config jsonb'),
      ('org_id', 'fk!', 'integration_tokens', 'integration_id uuid references public.integrations, token_hash text'),
      ('org_id', 'fk!', 'calendar_connections', 'calendar text'),
      ('org_id', 'fk!', 'calendar_events', 'connection_id uuid references public.calendar_connections, title text'),
      ('org_id', 'fk!', 'phone_numbers', 'number text'),
      ('org_id', 'none', 'phone_number_assignments', 'phone_number_id uuid references public.phone_numbers, agent_id uuid references public.agents'),
      ('org_id', 'fk', 'leads', 'name text, phone text, score integer'),
      ('org_id', 'fk', 'lead_scores', 'lead_id uuid references public.leads, score integer'),
      ('org_id', 'none', 'lead_imports', 'file text, line_count integer'),
      ('org_id', 'fk!', 'campaigns', 'name text, starts_at timestamptz'),
      ('org_id', 'fk!', 'campaign_steps', 'campaign_id uuid references public.campaigns, position integer'),
      ('org_id', 'none', 'campaign_contacts', 'campaign_id uuid references public.campaigns, contact_id uuid references public.contacts'),
      ('org_id', 'fk!', 'services', 'name text, minutes integer'),
      ('org_id', 'fk', 'service_prices', 'service_id uuid references public.services, price numeric(10, 2)'),
      ('org_id', 'fk!', 'providers', 'name text, speciality text'),
      ('org_id', 'fk', 'provider_hours', 'provider_id uuid references public.providers, weekday integer'),
      ('org_id', 'fk!', 'locations', 'name text, city text'),
      ('org_id', 'none', 'location_hours', 'location_id uuid references public.locations, weekday integer'),
      ('org_id', 'fk!', 'escalation_rules', 'condition text, target text'),
      ('org_id', 'fk', 'escalation_events', 'rule_id uuid references public.escalation_rules, call_id uuid references public.calls'),
      ('org_id', 'none', 'transfer_queue', 'call_id uuid references public.calls, position integer'),
      ('org_id', 'fk', 'transfer_rules', 'condition text, number text'),
      ('org_id', 'text!', 'hipaa_audit_logs', 'actor text, action text, details jsonb'),
      ('org_id', 'fk!', 'consent_records', 'contact_id uuid references public.contacts, granted boolean'),
      ('org_id', 'fk', 'data_retention_policies', 'entity text, days integer'),
      ('org_id', 'fk!', 'sms_messages', 'contact_id uuid references public.contacts, body text'),
      ('org_id', 'fk', 'sms_templates', 'name text, body text'),
      ('org_id', 'none', 'email_messages', 'contact_id uuid references public.contacts, subject text'),
      ('org_id', 'fk', 'notifications', 'title text, seen boolean'),
      ('org_id', 'fk', 'notification_preferences', 'channel text, enabled boolean'),
      ('org_id', 'fk!', 'webhooks', 'url text, event text'),
      ('org_id', 'text', 'webhook_attempts', 'webhook_id uuid references public.webhooks, status integer'),
      ('org_id', 'none', 'carrier_forwarding', 'carrier text, code text'),
      ('org_id', 'fk!', 'business_hours', 'weekday integer, hours text'),
      ('org_id', 'fk', 'holidays', 'day date, name text'),
      ('org_id', 'none', 'waitlist', 'contact_id uuid references public.contacts, wanted text'),
      ('org_id', 'fk!', 'payments', 'amount numeric(10, 2), method text'),
      ('org_id', 'fk', 'refunds', 'payment_id uuid references public.payments, amount numeric(10, 2)'),
      ('org_id', 'none', 'reviews', 'contact_id uuid references public.contacts, stars integer'),
      ('org_id', 'fk!', 'surveys', 'title text'),
      ('org_id', 'fk', 'survey_answers', 'survey_id uuid references public.surveys, answer text'),
      ('org_id', 'fk!', 'prompts', 'name text, body text'),
      ('org_id', 'none', 'prompt_versions', 'prompt_id uuid references public.prompts, body text'),
      ('org_id', 'none', 'onboarding_sessions', 'step integer, state jsonb'),
      ('org_id', 'none', 'security_events', 'kind text, details jsonb'),
      ('organization_id', 'fk', 'subscriptions', 'plan text, renews_at timestamptz'),
      ('organization_id', 'fk!', 'usage_records', 'metric text, quantity integer'),
      ('organization_id', 'fk!', 'api_keys', 'name text, key_hash text'),
      ('organization_id', 'none', 'audit_events', 'action text, details jsonb'),
      ('organization_id', 'fk!', 'teams', 'name text'),
      ('tenant_id', 'fk!', 'tenant_settings', 'name text, value jsonb'),
      ('tenant_id', 'none', 'email_templates', 'name text, body text'),
      (null, null, 'plans', 'name text, price numeric(10, 2)'),
      (null, null, 'voices', 'name text, language text'),
      (null, null, 'countries', 'name text, prefix text'),
      (null, null, 'feature_flags', 'name text, enabled boolean'),
      (null, null, 'system_settings', 'name text, value jsonb'),
      (null, null, 'job_runs', 'job text, finished_at timestamptz'),
      (null, null, 'webhook_events', 'source text, payload jsonb'),
      -- A tenant's data all the same, but the key is one join away.
      (null, null, 'invoice_lines', 'invoice_id uuid references public.invoices, description text, amount numeric(10, 2)'),
      (null, null, 'transcript_segments', 'transcript_id uuid references public.call_transcripts, speaker text, body text')
    ) as spec (key, kind, name, columns)
  loop
    execute format('create table public.%I (id uuid primary key default gen_random_uuid(), %s %s, created_at timestamptz not null default now())',
      t.name,
      case when t.key is not null then
        t.key || case when t.kind like 'text%' then ' text' else ' uuid' end
        || case when t.kind like '%!' then ' not null' else '' end
        || case when t.kind like 'fk%' then ' references public.organizations on delete cascade' else '' end || ','
      end,
      t.columns);
  end loop;
end $$;

-- Indexes on the key exist where somebody noticed a slow page.
create index idx_calls_org_id on public.calls (org_id);
create index idx_call_logs_org_id on public.call_logs (org_id, created_at desc);
create index idx_contacts_org_id on public.contacts (org_id);
create index idx_appointments_org_id on public.appointments (org_id, starts_at);
create index idx_usage_records_organization_id on public.usage_records (organization_id, created_at);
create index idx_agents_organization_id on public.agents (organization_id);
create unique index idx_tenant_settings_name on public.tenant_settings (tenant_id, name);

-- Functions -----------------------------------------------------------------------------------------------------------

-- Bodies are strings: PostgreSQL lets a rename pass and the function fails at its next call.

create function public.current_profile_org() returns uuid language sql stable as $$
  select organization_id from profiles where id = auth.uid()
$$;
create function public.org_invoice_total(p_organization_id uuid) returns numeric language sql stable as $$
  select coalesce(sum(i.amount), 0) from public.invoices i where i.organization_id = p_organization_id
$$;
create function public.record_usage(p_org uuid, p_metric text, p_quantity integer) returns void language plpgsql as $$
begin
  insert into public.usage_records (organization_id, metric, quantity) values (p_org, p_metric, p_quantity);
end $$;
create function public.get_email_template(p_tenant uuid, p_name text) returns text language plpgsql stable as $$
declare
  found_body text;
begin
  select t.body into found_body from public.email_templates t where t.tenant_id = p_tenant and t.name = p_name;
  return found_body;
end $$;
-- Swallows what goes wrong, so after a rename it would answer NULL, silently and for ever.
create function public.api_key_org(p_key_hash text) returns uuid language plpgsql stable as $$
declare
  owner uuid;
begin
  select k.organization_id into owner from public.api_keys k where k.key_hash = p_key_hash;
  return owner;
exception when others then
  return null;
end $$;
-- Callable by anon, with its owner's rights, for any organization one can name.
create function public.update_agent_prompt(p_org_id uuid, p_prompt text) returns integer
language plpgsql security definer as $$
declare
  changed integer;
begin
  update agents set prompt = p_prompt where org_id = p_org_id;
  get diagnostics changed = row_count;
  return changed;
end $$;

create function public.audit_invoice() returns trigger language plpgsql as $$
begin
  insert into public.audit_events (organization_id, action, details)
  values (new.organization_id, 'invoice.' || lower(tg_op), jsonb_build_object('invoice', new.id));
  return new;
end $$;
create trigger audit_invoice after insert or update on public.invoices
  for each row execute function public.audit_invoice();

-- Keys that may be set once. A backfill has to live with them: 20 on org_id, 2 on organization_id.
create function public.prevent_org_id_change() returns trigger language plpgsql as $$
begin
  if old.org_id is not null and new.org_id is distinct from old.org_id then
    raise exception 'org_id is immutable on %', tg_table_name using errcode = 'check_violation';
  end if;
  return new;
end $$;
create function public.prevent_organization_id_change() returns trigger language plpgsql as $$
begin
  if old.organization_id is not null and new.organization_id is distinct from old.organization_id then
    raise exception 'organization_id is immutable on %', tg_table_name using errcode = 'check_violation';
  end if;
  return new;
end $$;
do $$
declare
  name text;
begin
  foreach name in array array['agents', 'contacts', 'calls', 'call_logs', 'call_recordings', 'call_transcripts',
    'appointments', 'bookings', 'knowledge_base', 'integrations', 'phone_numbers', 'leads', 'campaigns', 'services',
    'providers', 'locations', 'escalation_rules', 'hipaa_audit_logs', 'sms_messages', 'payments']
  loop
    execute format('create trigger org_id_immutable before update on public.%I
      for each row execute function public.prevent_org_id_change()', name);
  end loop;
  foreach name in array array['teams', 'api_keys'] loop
    execute format('create trigger organization_id_immutable before update on public.%I
      for each row execute function public.prevent_organization_id_change()', name);
  end loop;
end $$;

-- The sign-up trigger writes a column that does not exist (it is raw_app_meta_data) and hides the error: every new user
-- is left without organization, profile and stamp, and nobody is told.
create function public.handle_new_user() returns trigger language plpgsql security definer as $$
declare
  new_org uuid;
begin
  insert into public.organizations (name, email)
  values (coalesce(new.raw_user_meta_data ->> 'clinic', 'My clinic'), new.email) returning id into new_org;
  insert into public.profiles (id, organization_id, email) values (new.id, new_org, new.email);
  update auth.users set raw_app_metadata = jsonb_build_object('org_id', new_org) where id = new.id;
  return new;
exception when others then
  return new;
end $$;
create trigger on_auth_user_created after insert on auth.users
  for each row execute function public.handle_new_user();

-- Views: all three run with the rights of postgres, who bypasses row security -----------------------------------------

create view public.call_stats as
  select org_id, count(*) as calls, sum(seconds) as seconds from public.calls group by org_id;
create view public.upcoming_appointments as
  select a.id, a.org_id, a.starts_at, c.name as contact, c.phone
  from public.appointments a left join public.contacts c on c.id = a.contact_id;
create view public.billing_overview as
  select o.name, s.organization_id, s.plan, public.org_invoice_total(s.organization_id) as invoiced
  from public.subscriptions s join public.organizations o on o.id = s.organization_id;

-- Row security --------------------------------------------------------------------------------------------------------

-- 15 tables with policies that work, more or less: 15 x 3 and one more. `metadata` believes what users write themselves;
-- `roles` asks user_org_roles and fails with it. Six further tables have 4 policies each and row security off.
do $$
declare
  t record;
  mine text;
begin
  for t in
    select * from (values
      ('call_recordings', 'profile', true), ('call_transcripts', 'profile', true), ('hipaa_audit_logs', 'profile', true),
      ('consent_records', 'profile', true), ('invoices', 'profile', true), ('api_keys', 'profile', true),
      ('notifications', 'metadata', true), ('notification_preferences', 'metadata', true),
      ('webhooks', 'metadata', true), ('prompts', 'metadata', true),
      ('calendar_connections', 'claim', true), ('calendar_events', 'claim', true), ('prompt_versions', 'claim', true),
      ('surveys', 'roles', true), ('survey_answers', 'roles', true),
      ('knowledge_base', 'profile', false), ('leads', 'profile', false), ('campaigns', 'claim', false),
      ('phone_numbers', 'claim', false), ('locations', 'metadata', false), ('sms_messages', 'profile', false)
    ) as spec (name, form, enabled)
  loop
    select a.attname || case when a.atttypid = 'text'::regtype then ' = any (array(%s)::text[])' else ' in (%s)' end
      into mine
      from pg_attribute a
      where a.attrelid = format('public.%I', t.name)::regclass and a.attname in ('org_id', 'organization_id');
    mine := format(mine, case t.form
      when 'profile' then 'select p.organization_id from public.profiles p where p.id = auth.uid()'
      when 'metadata' then $q$select (auth.jwt() -> 'user_metadata' ->> 'org_id')::uuid$q$
      when 'claim' then $q$select (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid$q$
      when 'roles' then 'select r.org_id from public.user_org_roles r where r.user_id = auth.uid()'
    end);
    execute format('create policy %I on public.%I for select to authenticated using (%s)',
      'Users can view their ' || t.name, t.name, mine);
    execute format('create policy %I on public.%I for insert to authenticated with check (%s)',
      'Users can add to their ' || t.name, t.name, mine);
    execute format('create policy %I on public.%I for update using (%s)', 'Users can change their ' || t.name, t.name, mine);
    if not t.enabled or t.name = 'notifications' then
      execute format('create policy %I on public.%I for delete using (%s)', 'Users can delete their ' || t.name, t.name, mine);
    end if;
    if t.enabled then
      execute format('alter table public.%I enable row level security', t.name);
    end if;
  end loop;
end $$;

-- Named after the service role, which needs no policy, and open to everybody.
alter table public.call_logs enable row level security;
alter table public.escalation_rules enable row level security;
create policy "Service role can manage call logs" on public.call_logs using (true);
create policy "Users see their call logs" on public.call_logs for select to authenticated
  using (org_id = public.current_profile_org());
create policy "Service role full access" on public.escalation_rules for all using (true) with check (true);
create policy "Users see their rules" on public.escalation_rules for select to authenticated
  using (org_id = public.current_profile_org());

-- Locked for everybody but the service role, by accident.
alter table public.integration_tokens enable row level security;

-- To decide who may see a row they read the table that they guard: 42P17, infinite recursion.
alter table public.user_org_roles enable row level security;
create policy members_select on public.user_org_roles for select to authenticated using (
  org_id in (select r.org_id from public.user_org_roles r where r.user_id = auth.uid()));
create policy admins_insert on public.user_org_roles for insert to authenticated with check (
  org_id in (select r.org_id from public.user_org_roles r where r.user_id = auth.uid() and r.role in ('owner', 'admin')));
create policy admins_update on public.user_org_roles for update to authenticated using (
  org_id in (select r.org_id from public.user_org_roles r where r.user_id = auth.uid() and r.role in ('owner', 'admin')));
create policy owners_delete on public.user_org_roles for delete to authenticated using (
  org_id in (select r.org_id from public.user_org_roles r where r.user_id = auth.uid() and r.role = 'owner'));

alter publication supabase_realtime add table public.calls, public.notifications;
