import { acrossFiles, type Report, type Told, type World } from '../across-files.ts';
import { type Read, readsOf } from '../answer-reads.ts';
import { type RouteAnswer, routeAnswers, type Shape } from '../answers.ts';
import { mountsIn } from '../mounts.ts';
import { acceptedRoles, offeredRoles } from '../roles.ts';
import type { Hit } from '../rule-context.ts';
import { isSettingsFile } from '../settings-files.ts';
import type { Source } from '../syntax.ts';
import type { Finding } from '../types.ts';

type Facts = {
  /** Roles that some part of the API accepts. */
  readonly accepted: string[];
  readonly offered: { readonly role: string; readonly finding: Finding }[];
  readonly answers: RouteAnswer[];
  readonly mounts: { readonly path: string; readonly module: string }[];
  readonly reads: { readonly read: Read; readonly finding: Finding }[];
};

/** What a settings page offers and reads, against what the API accepts and answers. */
export const formAndApi = acrossFiles<Facts>({
  facts: ({ source, side }, report) => {
    const facts: Facts = { accepted: [], offered: [], answers: [], mounts: [], reads: [] };
    if (side !== 'browser') addServer(facts, source);
    if (side !== 'server' && isSettingsFile(source.path)) addSettings(facts, source, report);
    return Object.values(facts).some((list) => list.length > 0) ? facts : null;
  },
  resolve: (told, world) => {
    const accepted = new Set(told.flatMap(({ facts }) => facts.accepted));
    const refused =
      accepted.size === 0 ? [] : told.flatMap(({ facts }) => facts.offered.filter(({ role }) => !accepted.has(role)));
    return { findings: [...refused.map(({ finding }) => finding), ...wrongDepth(told, world)] };
  },
});

function answersByUrl(told: readonly Told<Facts>[], { resolve }: World): ReadonlyMap<string, readonly RouteAnswer[]> {
  const mounts = new Map<string, Set<string>>();
  for (const { file, facts } of told) {
    for (const { path, module } of facts.mounts) {
      const mounted = resolve(file, module);
      if (mounted !== null) mounts.set(mounted, (mounts.get(mounted) ?? new Set()).add(path));
    }
  }
  const byUrl = new Map<string, RouteAnswer[]>();
  for (const answer of told.flatMap(({ facts }) => facts.answers)) {
    for (const mount of mounts.get(answer.file) ?? []) {
      const url = joined(mount, answer.path);
      byUrl.set(url, [...(byUrl.get(url) ?? []), answer]);
    }
  }
  return byUrl;
}

/** Keys that an answer does not have at its top, while it has them, or the organization, one level deeper. */
function wrongDepth(told: readonly Told<Facts>[], world: World): readonly Finding[] {
  const byUrl = answersByUrl(told, world);
  return told.flatMap(({ facts }) =>
    facts.reads.flatMap(({ read, finding }) => {
      const shapes = (byUrl.get(read.url) ?? []).map(({ shape }) => shape);
      if (shapes.some((shape) => shape === null || shape.list !== read.list || shape.keys.has(read.key))) return [];
      const [name, below] = shapes.flatMap((shape) => keysAround(read, shape))[0] ?? [];
      if (name === undefined) return [];
      return [below ? deeper(finding, read, name, below) : finding];
    }),
  );
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

function addServer(facts: Facts, source: Source): void {
  facts.accepted.push(...acceptedRoles(source));
  facts.answers.push(...routeAnswers(source));
  for (const { path, module } of mountsIn(source))
    if (path !== null && module !== null) facts.mounts.push({ path, module });
}

function addSettings(facts: Facts, source: Source, report: Report): void {
  for (const { role, node } of offeredRoles(source)) {
    const hit: Hit = {
      node,
      reason: `The form offers the role ${role}, which the API refuses.`,
      certainty: 'likely',
      instruction: 'Offer the roles that the API accepts and the database phase creates.',
    };
    facts.offered.push({ role, finding: report(hit) });
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
    facts.reads.push({ read, finding: report(hit) });
  }
}

function joined(mount: string, path: string): string {
  return `${mount}/${path}`.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
}
