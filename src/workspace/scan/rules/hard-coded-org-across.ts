import { acrossFiles, type Report } from '../across-files.ts';
import { orgLetters } from '../names.ts';
import type { Hit } from '../rule-context.ts';
import { type Binding, declarationIn, placesOf, referencesOf } from '../scope.ts';
import { standsForOrg } from '../stands-for-org.ts';
import type { Source } from '../syntax.ts';
import type { Finding } from '../types.ts';

type Facts = {
  /** Exported ids, with what to report if one of them is used as an org. */
  readonly constants: { readonly name: string; readonly finding: Finding }[];
  readonly usedAsOrg: { readonly module: string; readonly name: string }[];
};

/** An id under a name that says nothing, which another file imports and uses as an organization. */
export const exportedIds = acrossFiles<Facts>({
  facts: ({ source }, report) => {
    const facts = constantsOf(source, report);
    return facts.constants.length + facts.usedAsOrg.length === 0 ? null : facts;
  },
  resolve: (told, { resolve }) => {
    const used = new Set(
      told.flatMap(({ file, facts }) => facts.usedAsOrg.map(({ module, name }) => `${resolve(file, module)}#${name}`)),
    );
    return {
      findings: told.flatMap(({ file, facts }) =>
        facts.constants.filter(({ name }) => used.has(`${file}#${name}`)).map(({ finding }) => finding),
      ),
    };
  },
});

function constantsOf(source: Source, report: Report): Facts {
  const facts: Facts = { constants: [], usedAsOrg: [] };
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
    facts.constants.push({ name, finding: report(hit) });
  }
  // What stands for an organization is named like one, or stands beside such a name.
  if (!orgLetters.test(source.text)) return facts;
  for (const binding of importedConstants(source)) {
    if (binding.imported === null || !/^[A-Z][A-Z0-9_]+$/.test(binding.imported.name)) continue;
    if (!referencesOf(binding).some((reference) => standsForOrg(reference, 2))) continue;
    facts.usedAsOrg.push(binding.imported);
  }
  return facts;
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
