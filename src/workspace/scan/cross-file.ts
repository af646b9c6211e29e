import type { Project } from '../discover.ts';
import { resolveModule } from '../resolve.ts';
import { type Read, readsOf } from './answer-reads.ts';
import { type RouteAnswer, routeAnswers, type Shape } from './answers.ts';
import { requestArguments, tenantParameters } from './calls.ts';
import type { Hit, Rule, RuleContext } from './rule.ts';
import { hardCodedOrg, standsForOrg } from './rules/hard-coded-org.ts';
import { partWords, requestOrg } from './rules/request-org.ts';
import { isSettingsFile, settingsPlaceholder } from './rules/settings-placeholder.ts';
import { type Binding, bindingOf, declarationIn, placesOf, referencesOf } from './scope.ts';
import { callOf, memberOf, type Source, type SyntaxNode, stringValue, unwrap } from './syntax.ts';
import type { Finding } from './types.ts';

/** Turns hits of a file into findings; given by the engine. */
export type Report = (rule: Rule, hit: Hit) => Finding;

type Reference = { readonly module: string; readonly name: string };

/**
 * What one file brings to the look across files: findings that depend on another file, and the facts that decide about
 * those of others. It holds text and numbers only, so that a tree can go, and modules by the name that the file gives
 * them, so that it stays true when another file comes or goes.
 */
export type FileFacts = {
  /** Exported ids, with what to report if one of them is used as an org. */
  readonly constants: { readonly name: string; readonly finding: Finding }[];
  readonly usedAsOrg: Reference[];
  /** Roles that some part of the API accepts. */
  readonly accepted: string[];
  readonly offered: { readonly role: string; readonly finding: Finding }[];
  readonly answers: RouteAnswer[];
  readonly mounts: { readonly path: string; readonly module: string }[];
  readonly reads: { readonly read: Read; readonly finding: Finding }[];
  /** `function#0` of parameters that decide a tenant. */
  readonly tenantParameters: string[];
  /** Values of a request by the parameter that they become; `module` is null for a function of this file. */
  readonly given: { readonly module: string | null; readonly parameter: string; readonly finding: Finding }[];
};

/** What a file says to others; null when it says nothing. `report` makes findings of hits, as the engine does. */
export function factsOf(source: Source, context: RuleContext, report: Report): FileFacts | null {
  if (context.fileClass !== 'source' || source.root.kind === 'prisma') return null;
  const facts: FileFacts = {
    constants: [],
    usedAsOrg: [],
    accepted: [],
    offered: [],
    answers: [],
    mounts: [],
    reads: [],
    tenantParameters: [],
    given: [],
  };
  addConstants(facts, source, report);
  if (context.side !== 'browser') {
    addServer(facts, source);
    addCalls(facts, source, report);
  }
  if (context.side !== 'server' && isSettingsFile(source.path)) addSettings(facts, source, report);
  return Object.values(facts).some((list) => list.length > 0) ? facts : null;
}

/** What takes two files to see: the facts of all files put together. */
export class CrossFile {
  readonly #known: ReadonlySet<string>;
  readonly #projects: readonly Project[];
  /** By `file#name`. */
  readonly #constants = new Map<string, Finding>();
  readonly #usedAsOrg = new Set<string>();
  readonly #accepted = new Set<string>();
  readonly #offered: { readonly role: string; readonly finding: Finding }[] = [];
  readonly #answers: RouteAnswer[] = [];
  readonly #mounts: { readonly path: string; readonly file: string }[] = [];
  readonly #reads: { readonly read: Read; readonly finding: Finding }[] = [];
  /** `file#function#0`. */
  readonly #tenantParameters = new Set<string>();
  readonly #given: { readonly parameter: string; readonly finding: Finding }[] = [];

  constructor(known: ReadonlySet<string>, projects: readonly Project[]) {
    this.#known = known;
    this.#projects = projects;
  }

  /** Takes in the facts of one file. */
  add(file: string, facts: FileFacts): void {
    const resolve = (module: string): string | null => resolveModule(file, module, this.#known, this.#projects);
    for (const { name, finding } of facts.constants) this.#constants.set(`${file}#${name}`, finding);
    for (const { module, name } of facts.usedAsOrg) {
      const from = resolve(module);
      if (from !== null) this.#usedAsOrg.add(`${from}#${name}`);
    }
    for (const role of facts.accepted) this.#accepted.add(role);
    this.#offered.push(...facts.offered);
    this.#answers.push(...facts.answers);
    for (const { path, module } of facts.mounts) {
      const mounted = resolve(module);
      if (mounted !== null) this.#mounts.push({ path, file: mounted });
    }
    this.#reads.push(...facts.reads);
    for (const parameter of facts.tenantParameters) this.#tenantParameters.add(`${file}#${parameter}`);
    for (const { module, parameter, finding } of facts.given) {
      const to = module === null ? file : resolve(module);
      if (to !== null) this.#given.push({ parameter: `${to}#${parameter}`, finding });
    }
  }

  /** Findings that no file shows by itself. */
  resolve(findings: readonly Finding[]): readonly Finding[] {
    const found: Finding[] = [];
    for (const [key, finding] of this.#constants) if (this.#usedAsOrg.has(key)) found.push(finding);
    if (this.#accepted.size > 0) {
      for (const { role, finding } of this.#offered) if (!this.#accepted.has(role)) found.push(finding);
    }
    for (const { parameter, finding } of this.#given) {
      if (this.#tenantParameters.has(parameter)) found.push(finding);
    }
    found.push(...this.#wrongDepth());
    // One place may be given to several functions, and a rule may have seen it by itself.
    const places = new Set(findings.map(placeOf));
    return found.filter((finding) => {
      const place = placeOf(finding);
      const fresh = !places.has(place);
      places.add(place);
      return fresh;
    });
  }

  #answersByUrl(): ReadonlyMap<string, readonly RouteAnswer[]> {
    const mounts = new Map<string, Set<string>>();
    for (const { path, file } of this.#mounts) mounts.set(file, (mounts.get(file) ?? new Set()).add(path));
    const byUrl = new Map<string, RouteAnswer[]>();
    for (const answer of this.#answers) {
      for (const mount of mounts.get(answer.file) ?? []) {
        const url = joined(mount, answer.path);
        const same = byUrl.get(url);
        if (same === undefined) byUrl.set(url, [answer]);
        else same.push(answer);
      }
    }
    return byUrl;
  }

  /** Keys that an answer does not have at its top, while it has them, or the organization, one level deeper. */
  #wrongDepth(): readonly Finding[] {
    const found: Finding[] = [];
    const byUrl = this.#answersByUrl();
    for (const { read, finding } of this.#reads) {
      const shapes = (byUrl.get(read.url) ?? []).map(({ shape }) => shape);
      if (shapes.some((shape) => shape === null || shape.list !== read.list || shape.keys.has(read.key))) continue;
      const around = shapes.flatMap((shape) => keysAround(read, shape));
      const [name, below] = around[0] ?? [];
      if (name === undefined) continue;
      found.push(below ? deeper(finding, read, name, below) : finding);
    }
    return found;
  }
}

/** Keys of an answer under which another one stands, or may stand. */
function keysAround({ key, list, hook }: Read, shape: Shape | null): readonly (readonly [string, Shape | null])[] {
  return [...(shape?.keys ?? [])].filter(([name, below]) => {
    // A fetcher of the app's own may have taken the envelope off already.
    if (hook && /^(?:data|results?|payload|items|body)$/i.test(name)) return false;
    if (below !== null) return !below.list && below.keys.has(key);
    return !list && /^(?:org|organi[sz]ation|tenant|workspace|company|data|settings|profile)$/i.test(name);
  });
}

/** The finding with the place where the key is, and with the edits that read it there. */
function deeper(finding: Finding, read: Read, name: string, below: Shape): Finding {
  const { key, lines, reads, declared } = read;
  const others = lines.slice(1);
  const also = others.length === 0 ? '' : `, also in ${others.length === 1 ? 'line' : 'lines'} ${others.join(', ')}`;
  const edits = reads?.map((at) => ({ start: at, end: at, text: `${name}${below.nullable ? '?' : ''}.` })) ?? [];
  // What else is shown of an object gives way to the settings form of the organization.
  const mends = read.list && declared !== null && edits.length > 0 && !declared.others.includes(name);
  return {
    ...finding,
    instruction: `Read it where the API puts it, in ${name}.${key}${also}.`,
    fix: mends
      ? {
          edits: [
            ...edits,
            {
              start: declared.start,
              end: declared.end,
              text: `${name}: { ${declared.text.replace(/[;,]$/, '')} }${below.nullable ? ' | null' : ''}`,
            },
          ],
        }
      : null,
  };
}

function addConstants(facts: FileFacts, source: Source, report: Report): void {
  for (const place of placesOf(source, /(?<=['"`])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=['"`])/gi)) {
    const literal = place.kind === 'string_fragment' ? place.parent : place;
    const declarator = literal?.parent;
    if (
      !literal ||
      declarator?.kind !== 'variable_declarator' ||
      declarator.parent?.parent?.kind !== 'export_statement'
    )
      continue;
    const name = declarator.child(0)?.text ?? '';
    if (standsForOrg(literal, 0)) continue;
    const hit: Hit = {
      node: literal,
      reason: 'An organization id is written into the code; another file uses it as the tenant.',
      instruction:
        'Let the URL or its host name the organization and look it up, or take it from the authenticated user.',
    };
    facts.constants.push({ name, finding: report(hardCodedOrg, hit) });
  }
  for (const binding of importedConstants(source)) {
    if (binding.imported === null || !/^[A-Z][A-Z0-9_]+$/.test(binding.imported.name)) continue;
    if (!referencesOf(binding).some((reference) => standsForOrg(reference, 2))) continue;
    facts.usedAsOrg.push(binding.imported);
  }
}

function addCalls(facts: FileFacts, source: Source, report: Report): void {
  facts.tenantParameters.push(...tenantParameters(source));
  for (const given of requestArguments(source)) {
    const name = given.parameter.replace(/#.*$/, '');
    const hit: Hit = {
      node: given.node,
      reason: `The organization comes from ${partWords[given.part]} (${given.name}): ${name} uses it as the tenant, and nothing compares it.`,
      certainty: 'likely',
      instruction:
        'Compare it with the organization of the authenticated user before it is handed on, or hand that on instead.',
    };
    facts.given.push({
      module: given.imported?.module ?? null,
      parameter: given.parameter,
      finding: report(requestOrg, hit),
    });
  }
}

function addServer(facts: FileFacts, source: Source): void {
  facts.accepted.push(...acceptedRoles(source));
  facts.answers.push(...routeAnswers(source));
  for (const match of source.text.matchAll(/\.use\(\s*['"`]([^'"`]+)['"`]\s*,[^;]*?([A-Za-z_$][\w$]*)\s*\)/g)) {
    const binding = declarationIn(source.root, match[2] ?? '');
    if (binding?.imported) facts.mounts.push({ path: match[1] ?? '', module: binding.imported.module });
  }
}

function addSettings(facts: FileFacts, source: Source, report: Report): void {
  for (const { role, node } of offeredRoles(source)) {
    const hit: Hit = {
      node,
      reason: `The form offers the role ${role}, which the API refuses.`,
      certainty: 'likely',
      instruction: 'Offer the roles that the API accepts and the database phase creates.',
    };
    facts.offered.push({ role, finding: report(settingsPlaceholder, hit) });
  }
  for (const { node, ...read } of readsOf(source)) {
    const hit: Hit = {
      node,
      reason: read.list
        ? `${read.key} is read from each element of the answer of ${read.url}, which have it one level deeper.`
        : `${read.key} is read from the answer of ${read.url}, which has it one level deeper.`,
      certainty: 'likely',
      instruction: `Read it where the API puts it; the settings form of the organization takes its place.`,
    };
    facts.reads.push({ read, finding: report(settingsPlaceholder, hit) });
  }
}

/** What a file imports in braces under a name in capitals. */
function importedConstants(source: Source): readonly Binding[] {
  const names = new Set<string>();
  for (const match of source.text.matchAll(/\bimport\b[^;'"{]*\{([^}]*)\}/g)) {
    if (!/\b[A-Z][A-Z0-9_]+\b/.test(match[1] ?? '')) continue;
    for (const part of (match[1] ?? '').matchAll(/\b([A-Z][A-Z0-9_]+)\b(?:\s+as\s+([\w$]+))?/g))
      names.add(part[2] ?? part[1] ?? '');
  }
  return [...names].map((name) => declarationIn(source.root, name)).filter((binding) => binding !== null);
}

function placeOf(finding: Finding): string {
  return `${finding.kind}\0${finding.file}\0${finding.line}\0${finding.column}`;
}

function joined(mount: string, path: string): string {
  return `${mount}/${path}`.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
}

/** Roles that the API checks for: `['admin', 'viewer'].includes(role)`, `z.enum([…])` under the key role. */
function acceptedRoles(source: Source): readonly string[] {
  const found: string[] = [];
  for (const place of placesOf(
    source,
    /\.\s*includes\s*\(\s*(?:\w+\.)*\w*[rR]ole\b|\brole\s*:\s*z\s*\.\s*enum\s*\(/g,
  )) {
    const call = place.kind === 'call_expression' ? place : place.above('call_expression', 'pair');
    if (call === null) continue;
    if (call.kind === 'pair' || place.kind === 'property_identifier') {
      const pair = call.kind === 'pair' ? call : call.above('pair');
      found.push(...stringsOf(callOf(unwrap(pair?.child(1) ?? call))?.args[0] ?? null));
      if (call.kind === 'pair') continue;
    }
    const object = memberOf(callOf(call)?.callee ?? call)?.object;
    if (object) found.push(...stringsOf(object));
  }
  return found;
}

/** The strings of an array, or of the array that a name stands for. */
function stringsOf(node: SyntaxNode | null): readonly string[] {
  if (node === null) return [];
  const inner = unwrap(node);
  if (inner.kind === 'array') {
    return inner.children.map((child) => stringValue(child)).filter((value) => value !== null);
  }
  if (inner.kind !== 'identifier') return [];
  const binding = bindingOf(inner);
  return binding?.init && binding.path.length === 0 && unwrap(binding.init).kind === 'array'
    ? stringsOf(binding.init)
    : [];
}

/** Roles of a `<select>` that is about roles, and of a list of roles that becomes radio buttons. */
function offeredRoles(source: Source): readonly { readonly role: string; readonly node: SyntaxNode }[] {
  const found: { role: string; node: SyntaxNode }[] = [];
  for (const place of placesOf(source, /<option\b/g)) {
    const element = place.kind === 'jsx_opening_element' ? place : place.above('jsx_opening_element');
    const select = element?.parent?.above('jsx_element');
    const head = select?.child(0)?.text ?? '';
    if (!element || !/^<(?:select|Select)\b/.test(head) || !/\brole\b|[rR]ole\b/.test(head)) continue;
    const value = /\bvalue=(?:\{\s*)?['"]([\w-]+)['"]/.exec(element.text)?.[1];
    if (value !== undefined) found.push({ role: value, node: element });
  }
  for (const place of placesOf(
    source,
    /\]\s*(?:as\s+const\s*)?\)?\s*\.\s*map\s*\(\s*\(?\s*(?:r|role|value|option)\b/g,
  )) {
    const array = place.kind === 'array' ? place : place.childOfKind('array');
    const call = array?.above('call_expression');
    if (!array || !call || !/name=["']role["']|setRole\b/.test(call.text)) continue;
    for (const item of array.children) {
      const role = stringValue(item);
      if (role !== null) found.push({ role, node: item });
    }
  }
  return found;
}
