import type { Command } from 'commander';
import { type ExitCode, exitCodes } from '../rollout/errors.ts';
import { defaultCommand } from './commands/default.ts';
import type { PlanOptions } from './commands/plan.ts';
import type { ReportOptions } from './commands/report.ts';
import type { SavePlanOptions } from './commands/save-plan.ts';
import { examplesOf, meant, usageError } from './help.ts';
import type { CommonOptions } from './options.ts';
import { endureClosedPipes } from './signals.ts';
import { version } from './version.ts';

export { tellCrashes } from './crash.ts';

/**
 * Reads the arguments, runs one command and resolves to the exit code. Each command is imported when it is called, so
 * that `--help` loads nothing but this file and the argument parser.
 */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  endureClosedPipes();
  // Nothing to parse: the first frame of the wizard need not wait for the parser. The same as it gives without options.
  if (argv.length === 2) return defaultCommand({ color: true });
  const { Command, CommanderError, InvalidArgumentError, Option } = await import('commander');
  const { stepId, withCommonOptions } = await import('./options.ts');
  const phaseNumber = (text: string): number => {
    if (!/^[1-4]$/.test(text)) throw new InvalidArgumentError('expected 1, 2, 3 or 4.');
    return Number(text);
  };
  let exit: ExitCode = exitCodes.done;
  const action =
    <O extends CommonOptions>(command: (options: O) => Promise<ExitCode>) =>
    async (_: unknown, self: Command): Promise<void> => {
      exit = await command(self.optsWithGlobals<O>());
    };

  const noSuchCommand = (word: string): string =>
    `Error: There is no command "${word}".\n${meant(
      word,
      program.commands.map((one) => one.name()),
    )}\n`;
  /** What a command needs, in the words of its help. */
  const takenBy = (one: Command): string => one.registeredArguments[0]?.description ?? '';
  const program = new Command('voxanne-rollout')
    .description(
      'Brings a multi-tenant Supabase app to one organization id, step by step:\nfour phases, each previewed by real execution, verified by acting, and reversible.',
    )
    .version(version, '--version')
    .helpOption('--help', 'show this help')
    .helpCommand('help [command]', 'what a command does, with its options and examples')
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      // Commander takes a misspelt command for an argument too many of the command without a name.
      outputError: (text, write) => {
        const word = argv.slice(2).find((one) => !one.startsWith('-')) ?? '';
        const known = program.commands.find((one) => one.name() === word);
        write(
          /too many arguments/.test(text) && known === undefined
            ? noSuchCommand(word)
            : usageError(text, known === undefined ? null : { name: word, takes: takenBy(known) }),
        );
      },
    })
    .addHelpText(
      'after',
      '\nWithout a command: the wizard on a terminal; elsewhere the plan, with nothing changed and exit 2.\nExit codes: 0 done and verified, 1 a step or check failed, 2 usage or a yes was needed, 3 changes pending (plan --check), 4 cannot connect or sign in, 130 stopped.',
    );

  /** What every command has comes after its own options: those are what somebody looks for in its help. */
  const later: (() => unknown)[] = [() => withCommonOptions(program, true)];
  const command = (name: string, decide: boolean): Command => {
    const made = program.command(name);
    const examples = examplesOf(name);
    if (examples !== '') made.addHelpText('after', examples);
    later.push(() => withCommonOptions(made, decide));
    return made;
  };

  program
    .option('--yes', 'apply and verify what is pending, without questions')
    .addOption(new Option('--to <step>', 'with --yes: stop after this step').argParser(stepId))
    .addOption(
      new Option('--on-failure <what>', 'with --yes: a step whose checks fail after it was applied')
        .choices(['rollback', 'stop'])
        .default('rollback'),
    )
    .option('--plan <file>', 'with --yes: exactly the changes of this plan file, or nothing')
    .option(
      '--without-rehearsal',
      'where the environment asks for a rehearsed plan: go without; it stays in the report',
    )
    .option('--inline', 'the wizard stays in the normal screen buffer')
    .option('--interactive', 'the wizard even where the terminal looks unfit')
    .option('--no-interactive', 'never the wizard')
    .action(action(defaultCommand));

  command('plan', true)
    .description('what would be done now')
    .option('--sql', 'phase 1 as one script to paste into the SQL editor, with its journal')
    .option('--psql', 'with --sql: for psql, with concurrent indexes')
    .option('--rollback', 'with --sql: the script that rolls phase 1 back, as the journal holds it')
    .option('--check', 'exit 3 if anything is pending')
    .option('--out <file>', 'save the whole rollout as a plan file, for show and for --yes --plan')
    .option('--overwrite', 'with --out: replace a file that is there')
    .action(
      action(async ({ out, ...options }: PlanOptions & Partial<SavePlanOptions>) =>
        out === undefined
          ? (await import('./commands/plan.ts')).planCommand(options)
          : (await import('./commands/save-plan.ts')).savePlanCommand({ ...options, out }),
      ),
    );
  command('show', false)
    .argument('<file>', 'a plan file')
    .description('what a plan file holds; connects to nothing')
    .action(async (file: string, _: unknown, self: Command) => {
      exit = await (await import('./commands/show.ts')).showCommand(file, self.optsWithGlobals());
    });
  command('rehearse', true)
    .description('phase 1 on a copy: forward, verified, back, proven, forward again, and measured; writes a plan file')
    .option(
      '--on <copy>',
      'the copy, which is changed: a connection string, a variable that holds one, an environment, or demo',
    )
    .option('--plan <file>', 'rehearse this plan file; without it the plan is made on the copy')
    .option('--load <what>', 'what runs beside it: mix (reads and sign-ups), none, or a file of SQL statements', 'mix')
    .option('--out <file>', 'the rehearsed plan file (the file of --plan, or voxanne-rollout.plan.json)')
    .option('--page <file>', 'what production will see, as .md or .html (beside the plan file)')
    .option('--overwrite', 'replace files that are there')
    .action(action(async (options) => (await import('./commands/rehearse.ts')).rehearseCommand(options)));
  command('verify', true)
    .description('run every check of what is applied; writes nothing but its result')
    .action(action(async (options) => (await import('./commands/verify.ts')).verifyCommand(options)));
  command('status', false)
    .description('where the rollout stands')
    .option('--all', 'in every environment of the configuration, side by side')
    .action(
      action(async (options: CommonOptions & { readonly all?: boolean }) =>
        options.all === true
          ? (await import('./commands/status-all.ts')).statusAllCommand(options)
          : (await import('./commands/status.ts')).statusCommand(options),
      ),
    );
  command('rollback', true)
    .description('roll steps back, newest first; without an option the last one')
    .addOption(new Option('--to <step>', 'keep this step and those before it').argParser(stepId))
    .addOption(new Option('--phase <number>', 'this phase and those after it').argParser(phaseNumber))
    .option('--all', 'everything')
    .option('--break-dependants', 'even where functions that others made since use what goes, and will break')
    .option('--yes', 'without a question')
    .action(action(async (options) => (await import('./commands/rollback.ts')).rollbackCommand(options)));
  command('doctor', true)
    .description('connection, TLS, pooler, privileges, locks, tools: what works and what to do about the rest')
    .action(action(async (options) => (await import('./commands/doctor.ts')).doctorCommand(options)));
  command('init', false)
    .description('write what the survey finds (names, keys, memberships) as the configuration file')
    .action(action(async (options) => (await import('./commands/init.ts')).initCommand(options)));
  command('report', true)
    .description('the evidence of what was done and verified')
    .addOption(new Option('--format <name>', 'form of the report').choices(['markdown', 'html']).default('markdown'))
    .option('--output <file>', 'write it there instead of to stdout')
    .option('--plan <file>', 'what the rehearsal of this plan file predicted beside what came')
    .action(action<ReportOptions>(async (options) => (await import('./commands/report.ts')).reportCommand(options)));
  command('scan', false)
    .description('the code rules alone, without a database; exit 1 when something new is found')
    .addOption(new Option('--format <name>', 'form of the findings').choices(['text', 'json', 'sarif']).default('text'))
    .option('--baseline <file>', 'findings to leave out: what an earlier scan wrote as json or sarif')
    .option('--changed-since <ref>', 'only in files that differ from this commit')
    .action(action(async (options) => (await import('./commands/scan.ts')).scanCommand(options)));
  command('guard', true)
    .description(
      'whether what held after the rollout still holds, in code and database; 1: findings, 2: something was not checked',
    )
    .addOption(
      new Option('--format <name>', 'form of the findings').choices(['text', 'json', 'sarif', 'junit']).default('text'),
    )
    .option('--baseline <file>', 'accepted findings: what guard or scan wrote as json or sarif')
    .option('--changed-since <ref>', 'of the code, only files that differ from this commit')
    .addOption(new Option('--only <part>', 'look at one part alone').choices(['code', 'database']))
    .option('--no-waivers', 'count what was waived as well: whoever brings a fault could bring the waiver of it')
    .action(action(async (options) => (await import('./commands/guard.ts')).guardCommand(options)));
  command('findings', true)
    .description('what is open in the code, or as tasks for whoever fixes it')
    .addOption(
      new Option('--format <name>', 'tasks: those without an edit, each with the check that proves it')
        .choices(['text', 'json', 'tasks'])
        .default('text'),
    )
    .option('--prove <finding...>', 'whether the work on these tasks counts: rule, type check, tests')
    .action(action(async (options) => (await import('./commands/findings.ts')).findingsCommand(options)));
  command('mcp', true)
    .description('tools for a program over stdio (MCP): it looks and proposes, a person approves')
    .action(action(async (options) => (await import('./commands/mcp.ts')).mcpCommand(options)));
  command('approve', true)
    .argument('[request]', 'the first characters of its hash; without one: the requests that wait')
    .description('approve what a program asked for, once, for ten minutes, after a look at it')
    .option('--decline', 'answer it with no: it waits no longer')
    .action(async (request: string | undefined, _: unknown, self: Command) => {
      exit = await (await import('./commands/approve.ts')).approveCommand(request, self.optsWithGlobals());
    });
  command('waive', false)
    .argument('[finding]', 'the first characters of its id; without one: the findings that are open')
    .description('leave findings in the code on purpose, with a reason')
    .option('--reason <text>', 'why, in words that a reviewer understands')
    .option('--kind <kind>', 'all open findings of this kind')
    .option('--path <path>', 'all open findings in this file or folder, or at this pattern')
    .option('--with-fix', 'also findings that a step fixes when it is applied')
    .action(async (finding: string | undefined, _: unknown, self: Command) => {
      exit = await (await import('./commands/waive.ts')).waiveCommand(finding, self.optsWithGlobals());
    });
  command('demo', true)
    .description('the whole rollout on an embedded PostgreSQL and a sample app in a temporary folder')
    .option('--yes', 'without questions: apply, verify, roll back')
    .option('--inline', 'the wizard stays in the normal screen buffer')
    .option(
      '--keep',
      'keep the database and the app until Ctrl-C, with a connection string that works; with --yes nothing is rolled back',
    )
    .action(action(async (options) => (await import('./commands/demo.ts')).demoCommand(options)));

  command('completion', false)
    .argument('<shell>', 'bash, zsh or fish')
    .description('a script that completes commands and options in a shell')
    .action(async (shell: string) => {
      exit = (await import('./commands/completion.ts')).completionCommand(shell, program);
    });
  const itsOwn = program.options.slice();
  for (const add of later) add();
  // An option of the main command that another one does not have is read by the parser all the same, and would count
  // for nothing there: `demo --to 1.7` would go on to the end.
  program.hook('preAction', (_, used) => {
    if (used === program) return;
    const stray = itsOwn.find(
      (option) =>
        program.getOptionValueSource(option.attributeName()) === 'cli' &&
        option.negate === (program.getOptionValue(option.attributeName()) === false) &&
        !used.options.some((one) => one.attributeName() === option.attributeName()),
    );
    if (stray !== undefined) program.error(`error: "${used.name()}" takes no ${stray.long}`);
  });

  const [, , first, about] = argv;
  if (first === 'help' && about !== undefined && !about.startsWith('-')) {
    if (!program.commands.some((one) => one.name() === about) && about !== 'help') {
      process.stderr.write(noSuchCommand(about));
      return exitCodes.usage;
    }
  }
  try {
    await program.parseAsync(argv as string[]);
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    throw error;
  }
}
