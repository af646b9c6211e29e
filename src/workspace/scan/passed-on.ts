import type { World } from './across-files.ts';
import type { PassedOn } from './types.ts';

/** More modules than a name passes through on its way. */
const maxHops = 4;

/** What a file exports of others, and what it has under another name than others know it by. */
export function passedOnIn(text: string): readonly PassedOn[] {
  if (
    !/\bexport\s*[{*]|\bexport\s+default\b|\bexports\b|\bextends\b|\bexport\s+const\s+[\w$]+[^=\n]*=\s*(?:await\s+)?new\b/.test(
      text,
    )
  )
    return [];
  const found: PassedOn[] = [];
  const imports = importsOf(text);
  const add = (name: string, as: string): void => {
    const imported = imports.get(name);
    if (imported !== undefined) found.push({ ...imported, as });
    else if (name !== as) found.push({ module: '', name, as });
  };
  for (const [, module = ''] of text.matchAll(/\bexport\s*\*\s*from\s*['"]([^'"]+)['"]/g))
    found.push({ module, name: '*', as: '*' });
  for (const [, as = '', module = ''] of text.matchAll(/\bexport\s*\*\s*as\s+([\w$]+)\s+from\s*['"]([^'"]+)['"]/g))
    found.push({ module, name: '*', as });
  for (const [, names = '', module] of text.matchAll(/\bexport\s*\{([^}]*)\}(?:\s*from\s*['"]([^'"]+)['"])?/g)) {
    for (const [, name = '', as = name] of names.matchAll(/(?:\btype\s+)?([\w$]+)(?:\s+as\s+([\w$]+))?/g)) {
      if (module === undefined) add(name, as);
      else found.push({ module, name, as });
    }
  }
  for (const [, name = ''] of text.matchAll(/\bexport\s+default\s+([\w$]+)\s*(?:;|$)/gm)) add(name, 'default');
  for (const [, name = ''] of text.matchAll(/\bexport\s+default\s+(?:async\s+)?function\s*\*?\s*([\w$]+)/g))
    add(name, 'default');
  for (const [, name = ''] of text.matchAll(/\bmodule\.exports\s*=\s*([\w$]+)\s*(?:;|$)/gm)) add(name, 'default');
  for (const [, module = ''] of text.matchAll(/\bmodule\.exports\s*=\s*require\(\s*['"]([^'"]+)['"]/g))
    found.push({ module, name: '*', as: '*' }, { module, name: 'default', as: 'default' });
  for (const [, names = ''] of text.matchAll(/\bmodule\.exports\s*=\s*\{([^{}]*)\}/g))
    for (const [, as = '', name = as] of names.matchAll(/([\w$]+)(?:\s*:\s*([\w$]+))?/g)) add(name, as);
  // `export const calls = new CallService()`, `export default new CallService()`: its methods stand in its class.
  for (const [, as = 'default', name = ''] of text.matchAll(
    /\bexport\s+(?:const\s+([\w$]+)[^=\n]*=|default)\s*(?:await\s+)?new\s+([\w$]+)/g,
  ))
    add(name, as);
  // What a class does not have itself, the one that it extends has.
  for (const [, name = ''] of text.matchAll(/\bclass\s+[\w$]+(?:<[^{]*>)?\s+extends\s+([\w$]+)/g)) {
    const imported = imports.get(name);
    if (imported !== undefined) found.push({ module: imported.module, name: '*', as: '*' });
  }
  return found;
}

function importsOf(text: string): ReadonlyMap<string, { readonly module: string; readonly name: string }> {
  const found = new Map<string, { module: string; name: string }>();
  const imports =
    /\bimport\b(?:\s+type\b)?\s*([\w$]+)?\s*,?\s*(?:\*\s*as\s+([\w$]+)\s*|\{([^}]*)\}\s*)?from\s*['"]([^'"]+)['"]|\b(?:const|let|var)\s+(?:([\w$]+)|\{([^}]*)\})\s*=\s*require\(\s*['"]([^'"]+)['"]/g;
  for (const [, whole, all, names, from, required, taken, by] of text.matchAll(imports)) {
    const module = from ?? by ?? '';
    if (whole !== undefined) found.set(whole, { module, name: 'default' });
    for (const one of [all, required]) if (one !== undefined) found.set(one, { module, name: '*' });
    for (const [, name = '', as = name] of `${names ?? ''},${taken ?? ''}`.matchAll(
      /(?:\btype\s+)?([\w$]+)(?:\s*(?:\bas\b|:)\s*([\w$]+))?/g,
    ))
      found.set(as, { module, name });
  }
  return found;
}

/** The files, with its name there, that a name of a module may stand in, through those that pass it on. */
export function follower({ links, resolve }: World, more: ReadonlyMap<string, readonly PassedOn[]> = new Map()) {
  const follow = (file: string, name: string, hops: number): readonly { file: string; name: string }[] => {
    if (hops > maxHops) return [{ file, name }];
    const next = [...(links.get(file)?.passedOn ?? []), ...(more.get(file) ?? [])].filter(
      (one) => one.as === '*' || one.as === name,
    );
    return [
      { file, name },
      ...next.flatMap((one) => {
        const target = one.module === '' ? file : resolve(file, one.module);
        return target === null ? [] : follow(target, one.as === '*' ? name : one.name, hops + 1);
      }),
    ];
  };
  return (from: string, module: string | null, name: string) => {
    const target = module === null ? from : resolve(from, module);
    return target === null ? [] : follow(target, name, 0);
  };
}
