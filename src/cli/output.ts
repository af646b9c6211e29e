import { decidedIn } from '../config/answers.ts';
import { type Paint, painter, wantsColour } from '../report/format.ts';
import { type ExtraEvent, type JsonTarget, jsonLine, jsonVersion } from '../report/ndjson.ts';
import { answerLines, plainListener } from '../report/plain.ts';
import { toTerminal } from '../report/terminal.ts';
import type { RolloutError } from '../rollout/errors.ts';
import type { Emit } from '../rollout/events.ts';
import type { Opened } from './open.ts';
import type { CommonOptions } from './options.ts';
import { redacted } from './redaction.ts';
import { version } from './version.ts';

/** Where a command writes: lines for people, or NDJSON. Every byte passes the redactor. */
export type Output = {
  readonly json: boolean;
  readonly paint: Paint;
  /** A line for people; nothing with `--json`. */
  readonly say: (text: string) => void;
  /** A line for people that is no result: on stderr where stdout is read by a program. */
  readonly note: (text: string) => void;
  /** A text for a program or a file, a script for instance: unchanged, unless it goes to a terminal. */
  readonly script: (text: string) => void;
  readonly event: (event: ExtraEvent) => void;
  readonly listener: Emit;
  /** Names the target, in a header for people (unless they get a script) and in every line of NDJSON. */
  readonly about: (opened: Opened, header: boolean) => void;
  readonly error: (error: RolloutError, stack: string | undefined) => void;
};

/** `aside`: stdout is for a text that goes to a file or a program, and what is said to people goes to stderr. */
export function createOutput(options: CommonOptions, { aside = false }: { readonly aside?: boolean } = {}): Output {
  const json = options.json === true;
  const people = aside ? process.stderr : process.stdout;
  const colour = options.color !== false && wantsColour(people);
  const paint = painter(colour);
  let target: JsonTarget | null = null;
  const raw = (text: string): void => {
    process.stdout.write(redacted(text));
  };
  const out = (text: string): void => {
    people.write(redacted(toTerminal(text)));
  };
  let begun = false;
  /** The first line of NDJSON says what wrote it and of which target; it waits until that is known or something is told. */
  const begin = (): void => {
    if (begun || !json) return;
    begun = true;
    raw(jsonLine({ type: 'version', tool: version, json: jsonVersion }, target));
  };
  const line = (event: Parameters<typeof jsonLine>[0]): void => {
    begin();
    raw(jsonLine(event, target));
  };
  return {
    json,
    paint,
    script: (text) => raw(process.stdout.isTTY === true ? toTerminal(`${text}\n`) : `${text}\n`),
    say: (text) => {
      if (!json) out(`${text}\n`);
    },
    note: (text) => {
      if (json) process.stderr.write(redacted(toTerminal(`${text}\n`)));
      else out(`${text}\n`);
    },
    event: (event) => {
      if (json) line(event);
    },
    listener: json
      ? line
      : plainListener({
          write: out,
          paint,
          live: people.isTTY === true,
          columns: people.columns ?? 80,
          verbose: options.verbose === true,
        }),
    about: (opened, header) => {
      const { connection, environment } = opened;
      target = { host: connection.host, project: connection.project, database: connection.database, environment };
      begin();
      if (!json && header) {
        const project = connection.project === null ? '' : `  project ${connection.project}`;
        const where = opened.production ? paint('warn', environment) : environment;
        const decided = decidedIn(opened.settings());
        const lines = decided.length === 0 ? '' : `${paint('dim', `decided: ${decided.join(' ')}`)}\n`;
        out(`${paint('strong', 'voxanne-rollout')} ${version}  ${connection.label}${project}  ${where}\n${lines}\n`);
      }
    },
    error: (error, stack) => {
      if (json) {
        line({
          type: 'error',
          problem: error.problem,
          remedy: error.remedy,
          kind: error.kind,
          detail: error.detail ?? null,
          answers: error.answers,
        });
        return;
      }
      const err = painter(options.color !== false && wantsColour(process.stderr));
      const lines = [err('bad', `Error: ${error.problem}`), error.remedy];
      if (error.detail !== undefined) lines.push('', ...error.detail.split('\n').map((line) => `  ${line}`));
      lines.push(...answerLines(error.answers, '  ', err));
      if (stack !== undefined) lines.push('', stack);
      process.stderr.write(redacted(toTerminal(`${lines.join('\n')}\n`)));
    },
  };
}
