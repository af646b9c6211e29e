import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { step } from '../../../phases/1-database/2-one-name.ts';
import { loadDatabase } from '../../../src/demo/databases/load.ts';
import { roundTrip } from '../../helpers/round-trip.ts';
import { type EmbeddedServer, startServer } from '../../helpers/server.ts';
import { makeTarget, type TestTarget } from '../../helpers/target.ts';

let server: EmbeddedServer;
let at: TestTarget;
beforeAll(async () => {
  server = await startServer();
  await loadDatabase(server, 'tiny', 'failing');
  at = await makeTarget(server, 'failing');
  await at.sql(`
    create table visits (id int primary key, organization_id uuid references organizations, name text);
    set check_function_bodies = off;
    ${Object.entries(bodies)
      .map(
        ([name, [args, returns, language, body]]) =>
          `create function ${name}(${args}) returns ${returns} language ${language} as $f$${body}$f$;`,
      )
      .join('\n')}`);
});
afterAll(async () => {
  await at.close();
  await server.stop();
});

/** Functions that cannot work today, as real schemas are full of them. */
const bodies = {
  gone_table: ['', 'bigint', 'sql', ' select count(*) from dropped_long_ago where organization_id is not null '],
  gone_alias: ['', 'bigint', 'sql', ' select count(*) from visits c where d.organization_id is null '],
  gone_function: [
    '',
    'bigint',
    'sql',
    ' select count(*) from visits where organization_id = no_such_thing(organization_id) ',
  ],
  gone_schema: [
    '',
    'void',
    'plpgsql',
    ' begin insert into crm.leads (organization_id) select organization_id from visits; end ',
  ],
  gone_index: ['', 'void', 'plpgsql', ' begin create index on dropped_long_ago (organization_id); end '],
  no_syntax: ['', 'void', 'plpgsql', ' begin selekt organization_id from visits; end '],
  not_yet: ['p uuid', 'bigint', 'plpgsql', ' begin return (select count(*) from visits where org_id = p); end '],
  half: [
    'organization_id uuid',
    'bigint',
    'plpgsql',
    ` declare r record; n bigint; begin
      select count(*) into n from visits c where c.organization_id = half.organization_id;
      if n < 0 then
        for r in select * from dropped_long_ago g where g.organization_id = half.organization_id loop
          perform r.organization_id;
        end loop;
      end if;
      return n; end `,
  ],
} as const;

const source = async (name: string): Promise<string> =>
  (await at.sql<{ prosrc: string }>('select prosrc from pg_proc where proname = $1', [name]))[0]?.prosrc ?? '';

describe('functions that fail today', () => {
  test('are noted, stop nothing, and stay as they are', async () => {
    const { plan } = await at.rollout([step]).plan('1.2');
    expect(plan.blockers).toEqual([]);
    const notes = plan.notes.map((one) => one.text).join('\n');
    expect(notes).toContain(
      'public.gone_table() fails today, because there is no dropped_long_ago; it stays as it is.',
    );
    expect(notes).toContain('public.gone_schema() fails today, because there is no crm.leads');
    expect(notes).toContain('public.no_syntax() fails today whenever it is called (syntax error');
    expect(notes).toContain(
      'public.half(uuid) fails today, because there is no dropped_long_ago; that statement stays',
    );
    expect(notes).toContain('public.not_yet(uuid) names org_id where no such column exists yet');
    for (const name of ['gone_alias()', 'gone_function()'])
      expect(notes).toContain(`public.${name} fails today whenever it is called`);
  });

  test('do not keep the rest of a function from following', async () => {
    await roundTrip(at, at.rollout([step]), '1.2');
    for (const name of ['gone_table', 'gone_alias', 'gone_function', 'gone_schema', 'no_syntax', 'not_yet'] as const)
      expect(await source(name)).toBe(bodies[name][3]);
    expect(await source('half')).toContain('from visits c where c.org_id = half.organization_id');
    expect(await source('half')).toContain('from dropped_long_ago g where g.organization_id = half.organization_id');
    const [row] = await at.sql<{ n: string }>('select half(gen_random_uuid()) as n');
    expect(row?.n).toBe('0');
  });

  test('are no excuse: what may only be missing at this moment still stops', async () => {
    await loadDatabase(server, 'tiny', 'temporary');
    await using other = await makeTarget(server, 'temporary');
    await other.sql(`
      create table visits (id int primary key, organization_id uuid references organizations);
      create function fill() returns void language plpgsql as
        $$ begin execute 'create temp table picked as select * from visits'; end $$;
      create function use_it() returns bigint language plpgsql as
        $$ begin return (select count(*) from picked where organization_id is not null); end $$;
      create function of_any(t text) returns void language plpgsql as
        $$ begin execute format('delete from %I where organization_id is null', t); end $$;`);
    const { plan } = await other.rollout([step]).plan('1.2');
    const problems = plan.blockers.map((one) => one.problem).join();
    expect(problems).toContain('use_it');
    // No table keeps a column of the old name: where it is put together, the name can only mean a renamed one.
    expect(problems).not.toContain('of_any');
    await other.sql('drop function use_it()');
    const after = (await other.rollout([step]).plan('1.2')).plan;
    expect(after.blockers).toEqual([]);
    const rewritten = after.changes.flatMap((one) => (one.kind === 'sql' && one.up.includes('of_any') ? [one.up] : []));
    expect(rewritten).toEqual([expect.stringContaining(`format('delete from %I where org_id is null', t)`)]);
  });
});
