import { afterAll, describe, expect, test } from 'vitest';
import { close, ids, isolated, probe, tenantTable, withDatabase } from './setup.ts';

afterAll(close);

const invitations = (columns = ''): string => `
  create table invitations (id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations,
    email text not null, token text not null unique, role member_role not null default 'viewer', invited_by uuid references auth.users,
    accepted_at timestamptz, expires_at timestamptz not null default now() - interval '1 day' ${columns});
  alter table invitations enable row level security;
  create policy mine on invitations for select to authenticated using (org_id = (select current_org_id()) or email = auth.jwt() ->> 'email');
  ${tenantTable('notes', 'id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations, body text')}`;

const open = `i.email = auth.jwt() ->> 'email' and i.accepted_at is null and i.expires_at > now()`;

const failures = (sql: string): Promise<string[]> =>
  withDatabase('base', isolated + sql, async (client) =>
    ids(await probe(client), 'failed').filter((id) => id.endsWith('/invited')),
  );

const doors = (condition: string): string => `
  create function invited_notes() returns setof notes language sql stable security definer set search_path = public as $$
    select n.* from notes n where ${condition} $$;
  create function remind(p_org_id uuid) returns void language plpgsql security definer set search_path = public as $$
    begin update notes n set body = 'x' where n.org_id = p_org_id and (${condition}); end $$;
  create view invited_list as select n.org_id, n.body from notes n where ${condition};
  revoke all on function invited_notes(), remind(uuid) from public, anon; revoke all on invited_list from anon;
  create policy invited on notes for select to authenticated using (${condition.replaceAll('n.org_id', 'notes.org_id')});`;

describe('somebody with an invitation that is open, and no membership', () => {
  test.each([
    ['by an address', invitations(), `exists (select from public.invitations i where i.org_id = n.org_id and ${open})`],
    [
      'by a status',
      invitations(`, status text not null default 'accepted' check (status in ('accepted', 'pending'))`).replace(
        'accepted_at timestamptz,',
        '',
      ),
      `exists (select from public.invitations i where i.org_id = n.org_id and i.email = auth.jwt() ->> 'email' and i.status = 'pending')`,
    ],
    [
      'by a user',
      invitations(', invitee_id uuid references auth.users'),
      `exists (select from public.invitations i where i.org_id = n.org_id and i.invitee_id = auth.uid() and i.accepted_at is null)`,
    ],
  ])('%s, reaches rows of that organization through functions, views and policies', async (_, tables, condition) => {
    expect((await failures(tables + doors(condition))).sort()).toEqual([
      'public.invited_list/invited',
      'public.invited_notes()/invited',
      'public.notes/invited',
      'public.remind(uuid)/invited',
    ]);
  });

  test('in a helper that a function asks', async () => {
    const helper = `create function is_invited(o uuid) returns boolean language sql stable security definer set search_path = public as $$
      select exists (select from invitations i where i.org_id = o and ${open}) $$;`;
    expect((await failures(`${invitations()} ${helper} ${doors('public.is_invited(n.org_id)')}`)).length).toBe(4);
  });

  test('reads the invitation, who sent it and what the organization is called, accepts and declines: no leak', async () => {
    const sql = `${invitations()} ${tenantTable('roles', 'id uuid primary key default gen_random_uuid(), org_id uuid not null references organizations, label text')}
      create function my_invitations() returns table (id uuid, organization text, organization_id uuid, sent_by text, token text) language sql stable security definer set search_path = public as $$
        select i.id, o.name, o.id, p.full_name, i.token from invitations i join organizations o on o.id = i.org_id left join profiles p on p.id = i.invited_by where ${open} $$;
      create function invitation_role(p_token text) returns text language sql stable security definer set search_path = public as $$
        select r.label from roles r join invitations i on i.org_id = r.org_id where i.token = p_token and ${open} limit 1 $$;
      create function accept_invitation(p_token text) returns uuid language plpgsql security definer set search_path = public as $$
        declare v invitations; begin
          update invitations i set accepted_at = now() where i.token = p_token and ${open} returning * into v;
          if v.id is null then raise exception 'invitation not found'; end if;
          insert into memberships (user_id, org_id, role) values (auth.uid(), v.org_id, v.role);
          insert into notes (org_id, body) values (v.org_id, 'welcome');
          return v.org_id; end $$;
      create function decline_invitation(p_token text) returns void language sql security definer set search_path = public as $$
        delete from invitations i where i.token = p_token and ${open} $$;
      create view pending as select i.id, i.email, o.name, o.id as organization_id from invitations i join organizations o on o.id = i.org_id where ${open};
      revoke all on function my_invitations(), invitation_role(text), accept_invitation(text), decline_invitation(text) from public, anon; revoke all on pending from anon;`;
    expect(await failures(sql)).toEqual([]);
  });

  test('who asks for a membership lets in nobody who is only invited', async () => {
    const member = `exists (select from public.memberships m where m.user_id = auth.uid() and m.org_id = n.org_id)`;
    expect(
      await failures(
        `${invitations()} ${doors(`${member} and not exists (select from public.invitations i where i.org_id = n.org_id and ${open})`)}`,
      ),
    ).toEqual([]);
    expect(await failures(`${invitations()} ${doors(member)}`)).toEqual([]);
  });
});
