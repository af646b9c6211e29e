import type { Project } from '../../src/workspace/project.ts';
import { importPath, projectOf, resolveModule } from '../../src/workspace/resolve.ts';
import { Source, type SyntaxNode } from '../../src/workspace/scan/syntax.ts';
import { exportsOf } from '../../src/workspace/traits.ts';
import { type Code, textOf } from '../code/code.ts';
import { descendants } from '../code/nodes.ts';

/** What a form is built of, and the element that each stands for. */
const elements = { Button: 'button', Input: 'input', Label: 'label', Card: 'div' } as const;
type Name = keyof typeof elements;

/** The parts that make a card, which come from one file. */
const partsOfCard = ['Card', 'CardHeader', 'CardTitle', 'CardContent'];

/** The app's own components that the form takes in the place of plain elements. */
export type Components = {
  readonly has: Readonly<Record<Name, boolean>>;
  /** A line for each file that they come from. */
  readonly imports: readonly string[];
  /** Whether the title of its card is a heading already. */
  readonly titleIsHeading: boolean;
  /** The app colors by roles (`text-muted-foreground`), as shadcn/ui does. */
  readonly roles: boolean;
  readonly files: readonly string[];
};

type Candidate = { readonly file: string; readonly text: string };

/**
 * Finds them by what they are: a component that hands everything on to its element can take the place of it; one that
 * wants props of its own, or gives its value in another way, cannot. Of several, the one that most files import.
 */
export async function componentsOf(code: Code, frontend: Project, form: string): Promise<Components> {
  const { workspace } = code;
  const own: Candidate[] = [];
  for (const { path: file, fileClass } of workspace.list.files) {
    if (fileClass !== 'source' || !/\.[jt]sx$/.test(file) || projectOf(file, workspace.projects) !== frontend) continue;
    const text = await textOf(workspace, file);
    if (text !== null && file !== form) own.push({ file, text });
  }
  const known = new Set(own.map(({ file }) => file));
  const resolve: Resolve = (from, module) => resolveModule(from, module, known, workspace.projects);
  const found = (['Button', 'Input', 'Label', 'Card'] as const).map(
    (name) => [name, bestOf(name, own, resolve)] as const,
  );
  const names = new Map<string, string[]>();
  for (const [name, candidate] of found) {
    if (candidate === null) continue;
    const all = name === 'Card' ? partsOfCard : [name];
    names.set(candidate.file, [...(names.get(candidate.file) ?? []), ...all]);
  }
  const card = found.find(([name]) => name === 'Card')?.[1] ?? null;
  const has = (name: Name): boolean => found.some(([one, candidate]) => one === name && candidate !== null);
  return {
    has: { Button: has('Button'), Input: has('Input'), Label: has('Label'), Card: has('Card') },
    imports: [...names]
      .map(([file, list]) => [importPath(workspace, frontend, form, file), list.sort().join(', ')] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([from, list]) => `import { ${list} } from '${from}'`),
    titleIsHeading: card !== null && /<h[1-6]\b/.test(card.text.slice(card.text.search(/\bCardTitle\b/))),
    roles: own.some(({ text }) => /\btext-muted-foreground\b/.test(text)),
    files: [...names.keys()].sort(),
  };
}

function bestOf(name: Name, own: readonly Candidate[], resolve: Resolve): Candidate | null {
  const wanted = name === 'Card' ? partsOfCard : [name];
  const usable = own.filter(
    ({ file, text }) => wanted.every((one) => exportsOf(text).includes(one)) && isElement(file, text, name),
  );
  if (usable.length < 2) return usable[0] ?? null;
  const imported = new RegExp(`\\{[^}]*\\b${name}\\b[^}]*\\}\\s*from\\s*['"]([^'"]+)['"]`, 'g');
  const uses = new Map<string | null, number>();
  for (const { file, text } of own)
    for (const [, module = ''] of text.matchAll(imported)) {
      const from = resolve(file, module);
      uses.set(from, (uses.get(from) ?? 0) + 1);
    }
  const count = ({ file }: Candidate): number => uses.get(file) ?? 0;
  return usable.reduce((best, one) => (count(one) > count(best) ? one : best));
}

type Resolve = (from: string, module: string) => string | null;

/** Whether a component takes what its element takes, and needs nothing else. */
function isElement(file: string, text: string, name: Name): boolean {
  const source = new Source(file, text);
  const component = source.errorAt === null ? componentIn(source, name) : null;
  if (component === null || !/\{\s*\.\.\.\w+\s*\}/.test(component.text)) return false;
  const element = elements[name];
  const typed = new RegExp(
    `\\bHTML${name}Element\\b|\\b${name}HTMLAttributes\\b|\\bComponentProps\\w*<\\s*(?:['"]${element}['"]|typeof\\s+\\w+)|\\bHTMLAttributes<|\\bHTMLDivElement\\b`,
  );
  const made = new RegExp(`<${element}\\b|<\\w*Primitive\\b|<\\w+Primitive\\.|\\bSlot\\b`).test(component.text);
  if (!made || (!typed.test(text) && /\.tsx$/.test(file))) return false;
  // A prop that has to be given, or that the component gives another meaning to.
  return !required(source) && !/\bonChange\s*\(\s*(?:e|event)\.target\.value/.test(component.text);
}

/** The declaration of a component in its file. */
function componentIn({ root }: Source, name: string): SyntaxNode | null {
  const named = (node: SyntaxNode): boolean => node.child(0)?.text === name;
  return (
    descendants(root, 'function_declaration').find(named) ??
    descendants(root, 'variable_declarator').find(named) ??
    null
  );
}

/** `variant: 'primary' | 'ghost'` without a question mark, beside what every element has. */
const required = ({ root }: Source): boolean =>
  descendants(root, 'property_signature').some(
    (one) => !/^(?:readonly\s+)?\w+\?\s*:/.test(one.text) && !/^(?:readonly\s+)?children\b/.test(one.text),
  );
