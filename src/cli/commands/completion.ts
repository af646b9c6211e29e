import type { Command, Option } from 'commander';
import { type ExitCode, exitCodes, RolloutError } from '../../rollout/errors.ts';
import { createOutput } from '../output.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

/** What one command offers to be completed. */
type Words = { readonly name: string; readonly help: string; readonly options: readonly Option[] };

/** `voxanne-rollout completion bash|zsh|fish`: written from the same table of commands and options as the help. */
export function completionCommand(shell: string, program: Command): ExitCode {
  const output = createOutput({});
  const known = shells.find((one) => one === shell);
  if (known === undefined) {
    const problem = `There is no completion for ${shell}.`;
    output.error(
      new RolloutError(problem, 'Name one of bash, zsh and fish.', { exitCode: exitCodes.usage }),
      undefined,
    );
    return exitCodes.usage;
  }
  const commands: readonly Words[] = program.commands.map((one) => ({
    name: one.name(),
    help: one.description().split('\n')[0] ?? '',
    options: one.options,
  }));
  process.stdout.write(scripts[known](commands, program.options));
  return exitCodes.done;
}

const flags = (options: readonly Option[]): readonly string[] => options.flatMap((one) => one.long ?? []);

const choices = (options: readonly Option[]): readonly (readonly [flag: string, values: readonly string[]])[] =>
  options.flatMap((one) => (one.long && one.argChoices ? [[one.long, one.argChoices] as const] : []));

const isFile = (one: Option): boolean => /<(?:file|folder|files|path)>/.test(one.flags);

const bash = (commands: readonly Words[], own: readonly Option[]): string => {
  const all = [...own, ...commands.flatMap((one) => one.options)];
  // One flag may mean other values in other commands: what a command says itself comes before what all of them say.
  const offer = (pattern: string, list: readonly string[]): string =>
    `    ${pattern}) COMPREPLY=($(compgen -W "${list.join(' ')}" -- "$cur")); return;;`;
  const values = [
    ...commands.flatMap((one) => choices(one.options).map(([flag, list]) => offer(`"${one.name} ${flag}"`, list))),
    ...choices(own).map(([flag, list]) => offer(`" ${flag}"`, list)),
  ];
  const files = [...new Set(all.filter(isFile).map((one) => one.long))].join('|');
  const cases = commands.map((one) => `    ${one.name}) words="${flags(one.options).join(' ')}";;`);
  return `# bash completion for voxanne-rollout
_voxanne_rollout() {
  local cur prev command words word
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      ${commands.map((one) => one.name).join('|')}) command="$word"; break;;
    esac
  done
  case "$command $prev" in
${values.join('\n')}
  esac
  case "$prev" in
    ${files}) COMPREPLY=($(compgen -f -- "$cur")); return;;
    completion) COMPREPLY=($(compgen -W "${shells.join(' ')}" -- "$cur")); return;;
  esac
  case "$command" in
${cases.join('\n')}
    *) words="${[...commands.map((one) => one.name), ...flags(own)].join(' ')}";;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _voxanne_rollout voxanne-rollout
`;
};

/** For `_arguments` and `_describe`: a colon separates, a bracket ends. */
const quoted = (text: string): string =>
  text.replaceAll("'", '’').replaceAll(':', '\\:').replaceAll('[', '(').replaceAll(']', ')');

const zshOption = (one: Option): readonly string[] => {
  if (!one.long) return [];
  const value = one.argChoices
    ? `:value:(${one.argChoices.join(' ')})`
    : isFile(one)
      ? ':file:_files'
      : one.required
        ? ':value:'
        : '';
  return [`'${one.long}[${quoted(one.description)}]${value}'`];
};

const zsh = (commands: readonly Words[], own: readonly Option[]): string => `#compdef voxanne-rollout
_voxanne_rollout() {
  local -a commands
  commands=(
${commands.map((one) => `    '${one.name}:${quoted(one.help)}'`).join('\n')}
  )
  local command=\${words[(r)(${commands.map((one) => one.name).join('|')})]}
  case "$command" in
${commands
  .map(
    (one) =>
      `    ${one.name}) _arguments ${[...one.options.flatMap(zshOption), ...(one.name === 'completion' ? [`'*:shell:(${shells.join(' ')})'`] : [`'*:file:_files'`])].join(' ')};;`,
  )
  .join('\n')}
    *) _describe command commands; _arguments ${own.flatMap(zshOption).join(' ')};;
  esac
}
compdef _voxanne_rollout voxanne-rollout
`;

const fish = (commands: readonly Words[], own: readonly Option[]): string => {
  const text = (help: string): string => `'${help.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const option = (one: Option, when: string): readonly string[] =>
    one.long
      ? [
          `complete -c voxanne-rollout -n ${when} -l ${one.long.slice(2)}${one.required ? (isFile(one) ? ' -rF' : ' -x') : ''}${one.argChoices ? ` -a '${one.argChoices.join(' ')}'` : ''} -d ${text(one.description)}`,
        ]
      : [];
  return `${[
    '# fish completion for voxanne-rollout',
    'complete -c voxanne-rollout -f',
    ...commands.map(
      (one) => `complete -c voxanne-rollout -n __fish_use_subcommand -a ${one.name} -d ${text(one.help)}`,
    ),
    ...own.flatMap((one) => option(one, '__fish_use_subcommand')),
    ...commands.flatMap((one) =>
      one.options.flatMap((each) => option(each, `'__fish_seen_subcommand_from ${one.name}'`)),
    ),
    `complete -c voxanne-rollout -n '__fish_seen_subcommand_from completion' -a '${shells.join(' ')}'`,
  ].join('\n')}\n`;
};

const scripts = { bash, zsh, fish } as const;
