import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDatabase } from '../../src/demo/databases/load.ts';
import { applyDatabase, tinyDecisions } from '../helpers/cli.ts';
import { type BenchContext, type BenchResult, expectDone, ms, runScript, sql, timed, times } from './setup.ts';

const decisions = [...tinyDecisions, '--revoke-execute'];
const goals = { apply: 4, rollback: 3, megabytes: 200 };

/** Four policies a table, three functions for four tables, keys under two old names. */
function schemaOf(tables: number): string {
  const key = (number: number): string => (number % 3 === 0 ? 'tenant_id' : 'organization_id');
  const mine = '(select p.organization_id from public.profiles p where p.id = auth.uid())';
  return Array.from({ length: tables }, (_, n) => {
    const policies = ['select', 'insert', 'update', 'delete'].map(
      (command) =>
        `create policy p_${command} on public.t${n} for ${command} to authenticated ${command === 'insert' ? 'with check' : 'using'} (${key(n)} = ${mine});`,
    );
    const counts = `create function public.f${n}(org uuid) returns bigint language sql stable as $$ select count(*) from public.t${n} c where c.${key(n)} = org $$;`;
    return `create table public.t${n} (id bigint generated always as identity primary key, ${key(n)} uuid not null references organizations, body text);
      insert into public.t${n} (${key(n)}, body) select id, 'x' from organizations;
      alter table public.t${n} enable row level security;
      ${policies.join('\n')} ${n % 4 === 3 ? '' : counts}`;
  }).join('\n');
}

/** Plan, apply with every check, verify and roll back, beside the script of `plan --sql`, as tables become many. */
export async function scale({ server, cli, full }: BenchContext): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'scale-'));
  const hook = join(folder, 'memory.mjs');
  const told = join(folder, 'memory');
  writeFileSync(
    hook,
    `import { writeFileSync } from 'node:fs';
process.on('exit', () => writeFileSync(${JSON.stringify(told)}, String(process.resourceUsage().maxRSS / 1024)));`,
  );
  const lines: string[] = [];
  const met = { apply: true, rollback: true, memory: true };
  for (const tables of full ? [100, 400, 1600] : [25, 100]) {
    const [base, ours, theirs] = [`scale_${tables}`, `scale_${tables}_tool`, `scale_${tables}_script`];
    await loadDatabase(server, 'tiny', base);
    await sql(server.url(base), schemaOf(tables));
    const script = await expectDone(cli, server.url(base), ['plan', '--sql', ...decisions]);
    await server.createDatabase(ours, base);
    await server.createDatabase(theirs, base);
    const { ms: plain } = await timed(() => runScript(server.url(theirs), script));
    let most = 0;
    const run = async (args: readonly string[]): Promise<number> => {
      const { ms: took, value } = await timed(() => cli.run(args, { url: server.url(ours), node: ['--import', hook] }));
      if (value.code !== 0)
        throw new Error(`${args.join(' ')} ended with ${value.code}:\n${value.stdout}\n${value.stderr}`);
      if (existsSync(told)) most = Math.max(most, Number(readFileSync(told, 'utf8')));
      return took / plain;
    };
    const plan = await run(['plan', ...decisions]);
    const apply = await run([...applyDatabase, ...decisions]);
    const verify = await run(['verify', ...decisions]);
    const back = await run(['rollback', '--all', '--yes']);
    lines.push(
      `${String(tables).padStart(4)} tables: script ${ms(plain)}; plan ${times(plan)}, --yes with every check ${times(apply)}, verify ${times(verify)}, rollback ${times(back)}; ${Math.round(most)} MB`,
    );
    met.apply &&= apply <= goals.apply;
    met.rollback &&= back <= goals.rollback;
    met.memory &&= most <= goals.megabytes;
    for (const name of [base, ours, theirs]) await server.dropDatabase(name);
  }
  rmSync(folder, { recursive: true });
  return {
    title: 'n. many tables, against the script of plan --sql',
    lines,
    goals: [
      { goal: `applying with every check takes at most ${goals.apply} times the script`, met: met.apply },
      { goal: `a rollback takes at most ${goals.rollback} times the script`, met: met.rollback },
      { goal: `no more than ${goals.megabytes} MB`, met: met.memory },
    ],
  };
}
