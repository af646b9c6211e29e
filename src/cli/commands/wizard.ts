import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isProduction } from '../../config/index.ts';
import { type ExitCode, RolloutError } from '../../rollout/errors.ts';
import { connectionSources, describeUrl } from '../../supabase/connection/index.ts';
import { runWizard, type Session, type StartInfo, type TargetInfo } from '../../wizard/index.ts';
import { loadSettings, type Opened, openTarget, redacted } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { run } from '../run.ts';
import { version } from '../version.ts';
import { reportText } from './report.ts';

export type WizardCommandOptions = CommonOptions & { readonly inline?: boolean };

/** `voxanne-rollout` on a terminal. */
export const wizardCommand = (options: WizardCommandOptions): Promise<ExitCode> =>
  run(options, () => wizardOn(options));

/** Runs the wizard over the target that the options name, or over one that the operator types. */
export async function wizardOn(options: WizardCommandOptions): Promise<ExitCode> {
  return runWizard({
    start: await startInfo(options),
    connect: async (url, signal) => {
      signal.throwIfAborted();
      const opened = await openTarget(options, url);
      return sessionOf(opened);
    },
    terminal: {
      ...(options.inline === undefined ? {} : { inline: options.inline }),
      ...(options.color === false ? { colour: false } : {}),
    },
  });
}

/** What is known before anything is connected: the settings and the address, never a secret. */
async function startInfo(options: CommonOptions): Promise<StartInfo> {
  const config = await loadSettings(options);
  const [source] = await connectionSources({ dbUrl: options.dbUrl, env: process.env, workspace: config.workspace });
  const connection = source === undefined ? null : describeUrl(source.url);
  const production = connection === null ? false : isProduction(config, connection);
  return {
    version,
    needsUrl: source === undefined,
    project: connection?.project ?? connection?.database ?? null,
    host: connection?.host ?? null,
    environment: config.environment ?? (connection === null ? null : production ? 'production' : 'local'),
    production,
    workspace: null,
    findings: [],
  };
}

function sessionOf(opened: Opened): Session {
  const { connection, config, rollout } = opened;
  const folder = join(config.workspace, '.voxanne-rollout');
  const save = async (name: string, text: string): Promise<string> => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, '.gitignore'), '*\n');
    const file = join(folder, name);
    await writeFile(file, redacted(text));
    return file;
  };
  const target: TargetInfo = {
    project: connection.project ?? connection.database,
    host: connection.host,
    environment: opened.environment,
    production: opened.production,
    workspace: null,
  };
  return {
    rollout,
    target,
    findings: [],
    savePreview: (step, text) => save(`preview-${step}.txt`, text),
    saveLog: (text) => save('commands.log', text),
    reportPath: async () => {
      if (!(await rollout.status()).some((row) => row.last !== null)) {
        throw new RolloutError('Nothing was done, so there is no report.', 'Apply a step first.');
      }
      return save('report.md', await reportText(opened, 'markdown', new AbortController().signal));
    },
    close: () => opened.close(),
  };
}
