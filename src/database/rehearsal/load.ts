import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { exitCodes, RolloutError } from '../../rollout/errors.ts';
import type { StepId } from '../../rollout/step.ts';
import { appSchema } from '../catalog/platform.ts';
import { toRolloutError } from '../errors.ts';
import { kinds } from '../probes/sign-up-kinds.ts';
import { identifier } from '../quote.ts';
import { statementsOf } from './script.ts';

/** Milliseconds between two statements: a visitor, not a benchmark. */
const every = 50;

type Unit = {
  readonly title: string;
  readonly statements: () => readonly string[];
  /** `file`: as it stands there, and told by the number of the statement; `read`; `undo`: in a transaction that is rolled back. */
  readonly how: 'file' | 'read' | 'undo';
};

/** A file of statements. */
export type Script = { readonly name: string; readonly units: readonly Unit[] };

export type LoadSummary = {
  readonly name: string;
  readonly statements: number;
  /** Milliseconds. */
  readonly longest: number;
  readonly errors: readonly { readonly step: StepId | null; readonly message: string; readonly times: number }[];
};

export type Load = {
  /** What was left out, because it fails before anything is changed. */
  readonly leftOut: readonly string[];
  /** Ends it and tells what came of it. */
  readonly stop: () => Promise<LoadSummary>;
};

/**
 * Runs an app beside the rehearsal: the statements of a file in a loop, each committed as it stands there, or reads of
 * every table and sign-ups that are rolled back. Every statement is tried once before.
 *
 * @param script The file; null: the built-in mix.
 * @param step The step that is under way, for what fails.
 * @throws {RolloutError} exit code 2 when a statement of the file fails before anything is changed.
 */
export async function startLoad(
  connect: () => Promise<Client>,
  script: Script | null,
  step: () => StepId | null,
): Promise<Load> {
  const client = await connect();
  client.on('error', () => undefined);
  try {
    const all = script?.units ?? (await mix(client));
    const leftOut: string[] = [];
    const good: Unit[] = [];
    for (const unit of all) {
      const problem = await attempt(client, unit);
      if (problem === null) good.push(unit);
      else if (script === null) leftOut.push(problem);
      else {
        throw new RolloutError(
          `The load of ${script.name} fails before anything is changed. ${problem}`,
          'Correct the file.',
          {
            exitCode: exitCodes.usage,
          },
        );
      }
    }
    return { leftOut, stop: run(client, script?.name ?? 'reads and sign-ups', good, step) };
  } catch (error) {
    await client.end();
    throw error;
  }
}

function run(client: Client, name: string, units: readonly Unit[], step: () => StepId | null): Load['stop'] {
  let going = true;
  let statements = 0;
  let longest = 0;
  const errors = new Map<string, { step: StepId | null; message: string; times: number }>();
  const running = (async () => {
    for (let turn = 0; going && units.length > 0; turn++) {
      const unit = units[turn % units.length];
      if (unit === undefined) break;
      const at = step();
      const began = performance.now();
      const problem = await attempt(client, unit);
      longest = Math.max(longest, performance.now() - began);
      statements++;
      if (problem !== null) {
        const key = `${at} ${problem}`;
        const known = errors.get(key) ?? { step: at, message: problem, times: 0 };
        known.times++;
        errors.set(key, known);
      }
      await pause(every);
    }
  })();
  return async () => {
    going = false;
    await running;
    await client.end();
    return { name, statements, longest, errors: [...errors.values()] };
  };
}

/** What went wrong, in words that hold nothing of a row, or null. */
async function attempt(client: Client, unit: Unit): Promise<string | null> {
  let number = 0;
  try {
    if (unit.how === 'undo') await client.query('begin');
    for (const statement of unit.statements()) {
      number++;
      await client.query(statement);
    }
    return null;
  } catch (error) {
    return `${unit.title}${unit.how === 'file' ? ` ${number}` : ''}: ${toRolloutError(error).problem}`;
  } finally {
    // A transaction that the file itself left open is ended as well: it would hold its locks through the rehearsal.
    await client.query('rollback').catch(() => undefined);
  }
}

async function mix(client: Client): Promise<readonly Unit[]> {
  const { rows } = await client.query<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_catalog.pg_class c
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and not c.relispartition and ${appSchema('n.nspname')} order by 1, 2`,
  );
  const signUp = kinds.find((kind) => kind.id === 'email');
  const reads = rows.map(({ schema, name }): Unit => {
    const text = `select * from ${identifier(schema)}.${identifier(name)} limit 20`;
    return { title: `Reading ${schema}.${name}`, statements: () => [text], how: 'read' };
  });
  const signs: Unit = {
    title: 'A sign-up, rolled back',
    statements: () =>
      signUp?.statements({ id: randomUUID(), nonce: randomUUID().replaceAll('-', '').slice(0, 12) }) ?? [],
    how: 'undo',
  };
  // A sign-up before every tenth read, and at least one.
  return reads
    .flatMap((unit, index) => (index % 10 === 0 ? [signs, unit] : [unit]))
    .concat(reads.length === 0 ? signs : []);
}

/**
 * A file of statements, in the form of pgbench. In order and on one connection: it may begin and commit a transaction.
 *
 * @throws {RolloutError} exit code 2 for what is no SQL.
 */
export async function readScript(name: string, text: string): Promise<Script> {
  return { name, units: [{ title: 'Statement', statements: await statementsOf(name, text), how: 'file' }] };
}
