import type { CheckResult } from '../../rollout/check.ts';
import type { View } from '../catalog/types.ts';
import { identifier, literal, qualified } from '../quote.ts';
import type { Who } from './acts.ts';
import { mentioned } from './bodies.ts';
import { createCast, removeSql } from './cast.ts';
import type { TableFacts } from './facts.ts';
import { asksCaller, type Firing, firesOn, stateOf } from './firing.ts';
import { type Probe, performProbes, type Run } from './probe.ts';
import { addRow, findFilter, findRow, type Row } from './rows.ts';
import type { Act } from './script.ts';
import { formerMember, ofStale, withStale } from './stale.ts';
import { notTried, type Question, refusal, skipped, type Try, worst } from './verdict.ts';
import { claims, nameOf, type Side } from './world.ts';

type Event = 'INSERT' | 'UPDATE' | 'DELETE';

/**
 * A user of A writes through a view whose triggers do the writing with their owner's rights: rows that name B, and rows
 * of their own. The same as B shows that the view can be written like this at all; where it cannot, the triggers are
 * read: who calls may be asked in them, or somebody has to look.
 */
export async function probeViewTriggers(
  run: Run,
  view: View,
  firing: readonly Firing[],
  question: Question,
): Promise<readonly CheckResult[]> {
  const { world } = run;
  const tables = [...new Set(firing.flatMap(({ fn }) => mentioned(world, fn)))];
  const shares = (table: TableFacts): number =>
    table.columns.filter(({ name }) => view.columns.some((one) => one.name === name)).length;
  const [base] = [...tables].sort((a, b) => shares(b) - shares(a));
  if (base === undefined || shares(base) === 0)
    return [unseen(question, firing, 'No table tells what to write there.')];
  const family = await createCast(world, { full: true, wanted: new Set([nameOf(base)]) });
  for (const one of new Set([base, ...tables]))
    for (const person of ['a', 'b'] as const) await addRow(world, family, one, person);
  const [a, b] = [findRow(family, base, 'a'), findRow(family, base, 'b')];
  if (a === undefined || b === undefined) return [unseen(question, firing, 'No row could be made that fires them.')];
  const who = (person: Side): Who => ({
    role: 'authenticated',
    claims: claims(family.ids, person, { org: family.ids.org[person] }),
  });
  const former = formerMember(world, family, run.quiet);
  const state = stateOf(world, family, tables);
  const watched = (act: Omit<Act, 'observe'>, row: Row): Act => ({
    ...act,
    before: [
      // Its own keys are free for the attempt.
      ...(act.name.endsWith('insert') && !act.name.startsWith(taking)
        ? removeSql(row, findFilter(world, row) ?? 'false', run.quiet)
        : []),
      `select set_config('voxanne_probe.state', (${state}), true)`,
    ],
    observe: `select case when (${state}) is distinct from current_setting('voxanne_probe.state') then 1 else 0 end`,
  });
  const as = (event: Event, by: Side, row: Row, name: string): Act =>
    watched({ name, ...who(by), sql: [statement(event, view, row)], measure: 'rows' }, row);
  const events = (['INSERT', 'UPDATE', 'DELETE'] as const).filter((event) => firesOn(firing, event));
  const controls = events.map((event) => as(event, 'b', b, `control-${event.toLowerCase()}`));
  const plain = events.flatMap((event) => [
    as(event, 'a', b, `foreign-${event.toLowerCase()}`),
    as(event, 'a', a, `own-${event.toLowerCase()}`),
    // A view with the caller's rights shows no row of B to change; a row of one's own may still say that it is B's.
    ...takingSql(event, view, a, b).map((sql) =>
      watched({ name: `${taking}-${event.toLowerCase()}`, ...who('a'), sql: [sql], measure: 'rows' }, b),
    ),
  ]);
  // Triggers with their owner's rights may write for whichever organization the token names.
  const acts = plain.flatMap((act) => withStale(act, former));
  if (acts.length === 0) return [];
  const fired = new Set<string>();
  const control: Probe = {
    question,
    acts: controls,
    judge: (tries) => {
      for (const one of tries) if (isDone(one)) fired.add(one.act.name.replace('control-', ''));
      return { verdict: 'passed', observed: '' };
    },
  };
  const probe: Probe = {
    question,
    acts,
    judge: (tries) =>
      worst(
        tries.map((one) => {
          const event = one.act.name.split('-').at(-1) ?? '';
          const untried = notTried(one.outcome);
          if (untried !== null) return untried;
          if ((one.outcome.seen ?? 0) > 0)
            return ofStale(
              one,
              { verdict: 'failed', observed: 'rows of another organization changed' },
              'in the trigger',
            );
          if (!fired.has(event)) {
            const refused = one.outcome.stage === 'act' ? ` (${refusal(one.outcome)})` : '';
            return {
              verdict: 'skipped',
              observed: 'not checked',
              advice: `Not even B writes there by ${event}${refused}.`,
            };
          }
          return {
            verdict: 'passed',
            observed: one.outcome.stage === 'act' ? refusal(one.outcome) : 'nothing of another organization changed',
          };
        }),
      ),
  };
  const [, result] = await performProbes({ world, settings: run.settings, family, quiet: run.quiet }, [control, probe]);
  if (result === undefined) return [];
  return [result.verdict === 'skipped' ? unseen(question, firing, result.advice ?? '') : result];
}

const taking = 'taking';

/** A row of one's own under the key of another's, where the view shows the key. */
function takingSql(event: Event, view: View, own: Row, other: Row): readonly string[] {
  const keys = own.table.primary.flatMap((name): readonly (readonly [string, string, string])[] => {
    const [from, to] = [own.values.get(name), other.values.get(name)];
    return from === undefined || to === undefined || !view.columns.some((one) => one.name === name)
      ? []
      : [[name, from, to]];
  });
  if (event === 'DELETE' || keys.length === 0 || keys.length < own.table.primary.length) return [];
  if (event === 'INSERT')
    return [
      statement(event, view, {
        ...own,
        values: new Map([...own.values, ...keys.map(([name, , to]) => [name, to] as const)]),
      }),
    ];
  const [set, where] = [
    keys.map(([name, , to]) => `${identifier(name)} = ${to}`).join(', '),
    keys.map(([name, from]) => `${identifier(name)} = ${from}`).join(' and '),
  ];
  return [`update ${qualified(view.schema, view.name)} set ${set} where ${where}`];
}

const isDone = ({ outcome }: Try): boolean =>
  outcome.stage === 'done' && (Number(outcome.result ?? 0) > 0 || (outcome.seen ?? 0) > 0);

/** What could not be tried is read: a trigger that does not ask who is calling needs somebody's look. */
function unseen(question: Question, firing: readonly Firing[], why: string): CheckResult {
  const silent = firing.filter(({ fn }) => !asksCaller.test(fn.body)).map(({ fn }) => fn.signature);
  const named = firing.map(({ fn }) => fn.signature).join(', ');
  const look =
    silent.length === 0
      ? 'They ask who is calling.'
      : `Look at what ${silent.join(', ')} does: it does not ask who is calling.`;
  const reason = `Triggers stand in for writes to this view and could not be tried (${named}). ${why} ${look}`;
  return { ...skipped(question, reason), ...(silent.length === 0 ? {} : { matters: true }) };
}

/** Writes the values of a row of the base table into the columns of the view that have their names. */
function statement(event: Event, view: View, row: Row): string {
  const name = qualified(view.schema, view.name);
  const shown = view.columns.flatMap((column) => {
    const value = row.values.get(column.name);
    return value === undefined ? [] : [{ name: column.name, value }];
  });
  const keys = new Set(row.table.primary);
  const by = shown.filter((one) => keys.has(one.name));
  const where = (by.length === keys.size && by.length > 0 ? by : shown)
    .map((one) => `${identifier(one.name)} is not distinct from ${one.value}`)
    .join(' and ');
  if (event === 'DELETE') return `delete from ${name} where ${where || 'false'}`;
  const free = shown.filter((one) => !keys.has(one.name));
  const [first] = free.length > 0 ? free : shown;
  if (event === 'UPDATE')
    return first === undefined
      ? `select ${literal('nothing to write')}`
      : `update ${name} set ${identifier(first.name)} = ${first.value} where ${where}`;
  return `insert into ${name} (${shown.map((one) => identifier(one.name)).join(', ')}) values (${shown.map((one) => one.value).join(', ')})`;
}
