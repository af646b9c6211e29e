/** A line or two for each command that somebody may copy. */
const examples: Readonly<Record<string, readonly string[]>> = {
  plan: ['voxanne-rollout plan --verbose', 'voxanne-rollout plan --sql > phase-1.sql', 'voxanne-rollout plan --check'],
  show: ['voxanne-rollout show plan.json'],
  verify: ['voxanne-rollout verify --verbose'],
  status: ['voxanne-rollout status --json'],
  rollback: [
    'voxanne-rollout rollback',
    'voxanne-rollout rollback --to 1.2',
    'voxanne-rollout rollback --phase 2 --yes',
  ],
  doctor: ['voxanne-rollout doctor --db-url "$SUPABASE_DB_URL"'],
  init: ['voxanne-rollout init --workspace ./app'],
  report: ['voxanne-rollout report --format html --output report.html'],
  scan: ['voxanne-rollout scan --workspace ./app', 'voxanne-rollout scan --format sarif --changed-since main'],
  guard: ['voxanne-rollout guard --only code', 'voxanne-rollout guard --format junit'],
  approve: ['voxanne-rollout approve', 'voxanne-rollout approve 3f9a'],
  waive: [
    'voxanne-rollout waive',
    'voxanne-rollout waive 3f9a12 --reason "a public form, by intent"',
    'voxanne-rollout waive --kind request-org --path backend/webhooks --reason "signed by the sender"',
  ],
  demo: ['voxanne-rollout demo', 'voxanne-rollout demo --yes', 'voxanne-rollout demo --yes --keep'],
  completion: [
    'voxanne-rollout completion bash > ~/.local/share/bash-completion/completions/voxanne-rollout',
    'voxanne-rollout completion fish > ~/.config/fish/completions/voxanne-rollout.fish',
  ],
};

/** What follows the options in the help of a command. */
export const examplesOf = (command: string): string => {
  const lines = examples[command] ?? [];
  return lines.length === 0
    ? ''
    : `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  ${line}`).join('\n')}`;
};

/** The command that was probably meant, or all of them where none is near. */
export function meant(word: string, commands: readonly string[]): string {
  const near = commands
    .map((name) => ({ name, steps: distance(word.toLowerCase(), name) }))
    .sort((a, b) => a.steps - b.steps)
    .filter((one) => one.steps <= Math.max(1, Math.floor(one.name.length / 3)));
  const [best] = near;
  return best === undefined ? `The commands are ${commands.join(', ')}.` : `Did you mean ${best.name}?`;
}

/** Characters to add, drop, change or swap with a neighbour (Damerau and Levenshtein, optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i += 1) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j += 1) {
      const swap = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY;
      rows[i]?.push(
        Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1), swap),
      );
    }
  }
  return at(a.length, b.length);
}

/** What the parser of arguments complains about, as every other error of this tool: what is wrong, then what to do. */
export function usageError(text: string, command: { readonly name: string; readonly takes: string } | null): string {
  const [first = '', ...rest] = text
    .trim()
    .replace(/^error: /, '')
    .replace(/ is invalid\. (?=expected|Allowed)/, ' is invalid: ')
    .replace(': Allowed choices are', ': the choices are')
    .split('\n');
  const help = `"voxanne-rollout help${command === null ? '' : ` ${command.name}`}" says what can be given.`;
  const problem =
    /^missing required argument/.test(first) && command !== null
      ? `${command.name} needs ${command.takes}`
      : `${first.charAt(0).toUpperCase()}${first.slice(1)}`;
  const hint = rest.join(' ').replace(/^\((.*)\)$/, '$1');
  return `Error: ${problem.replace(/\.$/, '')}.\n${hint === '' ? help : hint}\n`;
}
