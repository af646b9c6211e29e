import { createInterface } from 'node:readline/promises';
import type { Config } from '../config/index.ts';
import type { MayRun, Program } from '../workspace-program.ts';
import { whyNobody } from './nobody.ts';

/** Where it is said what is started; `note` is no result, and goes to stderr beside `--json`. */
export type Teller = {
  readonly say: (text: string) => void;
  readonly note: (text: string) => void;
  readonly json: boolean;
};

/** Made once the settings are known. */
export type ProgramConsent = (config: Pick<Config, 'runPrograms'>) => MayRun;

/** For commands that only look: they start nothing of the app. */
export const runNothing: ProgramConsent = () => async () => false;

/** `--run-programs`: the operator agreed beforehand; each program is named before it is started for the first time. */
export const runWithFlag =
  (output: Pick<Teller, 'note'>): ProgramConsent =>
  ({ runPrograms }) => {
    const named = new Set<string>();
    return async (program) => {
      if (!runPrograms) return false;
      nameOnce(output, named, program);
      return true;
    };
  };

/** The same; without the flag, each program is asked for where somebody can answer. */
export const runWithQuestion =
  (output: Teller): ProgramConsent =>
  (config) => {
    const flagged = runWithFlag(output)(config);
    const answers = new Map<string, boolean>();
    const somebody = whyNobody(output.json) === null;
    return async (program) => {
      if (config.runPrograms || !somebody) return flagged(program);
      const known = answers.get(program.command);
      if (known !== undefined) return known;
      const answer = await yes(output, program);
      answers.set(program.command, answer);
      return answer;
    };
  };

/** Naming an executor for this run is consent to the program it needs; its path is said before it is started. */
export const runNamed = (output: Pick<Teller, 'note'>): MayRun => {
  const named = new Set<string>();
  return async (program) => {
    nameOnce(output, named, program);
    return true;
  };
};

function nameOnce(output: Pick<Teller, 'note'>, named: Set<string>, { command, why }: Program): void {
  if (named.has(command)) return;
  named.add(command);
  output.note(`Runs ${command}, a program of the app (${why}).`);
}

async function yes(output: Pick<Teller, 'say'>, { command, why }: Program): Promise<boolean> {
  output.say(`The check needs a program of the app (${why}):\n  ${command}`);
  const ask = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(?:es)?$/i.test((await ask.question('Run it? [y/N] ')).trim());
  } finally {
    ask.close();
  }
}
