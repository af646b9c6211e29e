import type { World } from './across-files.ts';

/** `export … from`: by the name there, by the name here; `*` for all. */
export type PassedOn = { readonly module: string; readonly name: string; readonly as: string };

/** More modules than a name passes through on its way. */
const maxHops = 4;

/** What a file exports of others. */
export function passedOnBy(text: string): readonly PassedOn[] {
  const found: PassedOn[] = [];
  if (!/\bexport\b[^;\n]*\bfrom\b|\bexport\s*\{[^}]*\}\s*from\b/.test(text)) return found;
  for (const [, module = ''] of text.matchAll(/\bexport\s*\*\s*from\s*['"]([^'"]+)['"]/g))
    found.push({ module, name: '*', as: '*' });
  for (const [, names = '', module = ''] of text.matchAll(/\bexport\s*\{([^}]*)\}\s*from\s*['"]([^'"]+)['"]/g)) {
    for (const [, name = '', as] of names.matchAll(/([\w$]+)(?:\s+as\s+([\w$]+))?/g))
      found.push({ module, name, as: as ?? name });
  }
  return found;
}

/** The files, with its name there, that a name of a module may stand in, through those that pass it on. */
export function follower(passing: ReadonlyMap<string, readonly PassedOn[]>, { resolve }: World) {
  const follow = (file: string, name: string, hops: number): readonly { file: string; name: string }[] => {
    if (hops > maxHops) return [{ file, name }];
    const next = (passing.get(file) ?? []).filter((one) => one.as === '*' || one.as === name);
    return [
      { file, name },
      ...next.flatMap((one) => {
        const target = resolve(file, one.module);
        return target === null ? [] : follow(target, one.as === '*' ? name : one.name, hops + 1);
      }),
    ];
  };
  return (from: string, module: string | null, name: string) => {
    const target = module === null ? from : resolve(from, module);
    return target === null ? [] : follow(target, name, 0);
  };
}
