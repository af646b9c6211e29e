/** How a project writes its code, as far as a new file can follow it. */
export type CodeStyle = {
  /** One level: two spaces, four, or a tab. */
  readonly indent: string;
  readonly quote: "'" | '"';
  readonly semicolons: boolean;
  readonly newline: '\n' | '\r\n';
};

const usual: CodeStyle = { indent: '  ', quote: "'", semicolons: true, newline: '\n' };

/** The style that most of these texts follow. Each text has one voice, so that one long file does not decide. */
export function styleOf(texts: readonly string[]): CodeStyle {
  const votes = texts.filter((text) => text.length > 100).map(styleOfText);
  const most = <T>(values: readonly T[], otherwise: T): T => {
    const counts = new Map<T, number>();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? otherwise;
  };
  return {
    indent: most(
      votes.flatMap(({ indent }) => (indent === null ? [] : [indent])),
      usual.indent,
    ),
    quote: most(
      votes.map((vote) => vote.quote),
      usual.quote,
    ),
    semicolons: most(
      votes.map((vote) => vote.semicolons),
      usual.semicolons,
    ),
    newline: most(
      votes.map((vote) => vote.newline),
      usual.newline,
    ),
  };
}

export function styleOfText(text: string): Omit<CodeStyle, 'indent'> & { readonly indent: string | null } {
  const lines = text.split('\n');
  const indented = lines.flatMap((line) => /^(\t|(?: {2}| {4}))(?=[\w}])/.exec(line)?.[1] ?? []);
  const single = text.match(/(?:from|require\() ?'/g)?.length ?? 0;
  const double = text.match(/(?:from|require\() ?"/g)?.length ?? 0;
  const ended = lines.filter((line) => /^\s*(?:import|export \*|const|let|return)\b.*;\s*$/.test(line)).length;
  const open = lines.filter((line) => /^\s*(?:import|export \*|const|let|return)\b.*[\w'")\]]\s*$/.test(line)).length;
  return {
    // The shallowest indentation is one level.
    indent: indented.some((one) => one === '\t')
      ? '\t'
      : indented.some((one) => one === '  ')
        ? '  '
        : (indented[0] ?? null),
    quote: double > single ? '"' : "'",
    semicolons: ended >= open,
    newline: text.includes('\r\n') ? '\r\n' : '\n',
  };
}

/**
 * Renders a template: keeps or drops its `// #if name` … `// #else` … `// #endif` parts, fills `__NAME__`, and
 * rewrites indentation, quotes, semicolons and line ends. Templates are written with two spaces, single quotes and
 * semicolons, hold no apostrophe outside of string delimiters, and start no line with a bracket.
 */
export function renderTemplate(
  template: string,
  style: CodeStyle,
  values: Readonly<Record<string, string>>,
  flags: Readonly<Record<string, boolean>> = {},
): string {
  const kept = selectParts(template, flags);
  const lines = kept.map((line) => {
    const depth = /^ */.exec(line)?.[0].length ?? 0;
    const comment = /^\s*(?:\*|\/\*|\/\/)/.test(line);
    let rest = line.slice(depth);
    if (!comment && !style.semicolons) rest = rest.replace(/;$/, '');
    if (!comment && style.quote === '"') rest = rest.replaceAll("'", '"');
    // A comment's stars stand one column in: what is left of a level stays as spaces.
    return style.indent.repeat(Math.floor(depth / 2)) + ' '.repeat(depth % 2) + rest;
  });
  const filled = lines
    .join('\n')
    .replace(/__([A-Z_]+?)__/g, (whole, name: string) => inStyle(values[name] ?? whole, style))
    .replace(/\n{3,}/g, '\n\n');
  const left = /__[A-Z_]+?__/.exec(filled);
  if (left !== null) throw new Error(`The template has no value for ${left[0]}.`);
  return filled.replaceAll('\n', style.newline);
}

/** Statements that fill a place, in the style of the rest. */
function inStyle(value: string, { quote, semicolons }: CodeStyle): string {
  const ended = semicolons ? value : value.replace(/;$/gm, '');
  return /^import /.test(ended) && quote === '"' ? ended.replaceAll("'", '"') : ended;
}

function selectParts(template: string, flags: Readonly<Record<string, boolean>>): readonly string[] {
  const open: boolean[] = [];
  return template.split('\n').filter((line) => {
    const [, word, name] = /^\s*(?:\/\/|\{\/\*) #(if|else|endif)(?: (!?\w+))?/.exec(line) ?? [];
    if (word === undefined) return open.every(Boolean);
    if (word === 'if') open.push(name?.startsWith('!') ? !flags[name.slice(1)] : flags[name ?? ''] === true);
    else if (word === 'else') open.push(!open.pop());
    else open.pop();
    return false;
  });
}
