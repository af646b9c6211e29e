import type { Catalog } from '../catalog/types.ts';

/** `->'a'->>'b'` and `#>>'{a,b}'`, with the casts and brackets that PostgreSQL prints. */
const steps = /(?:(?:->>?|#>>?)\s*'[^']+'(?:::[\w[\]]+)?[\s)]*)+/g;

/** What decides about rights, kinds and times, and not about whose a row is. */
const noOrganization =
  /^(sub|aud|iss|aal|amr|jti|ref|email\w*|phone\w*|providers?|session_id|user_metadata|raw_user_meta_data|full_name|is_\w+|\w+_(?:at|count|limit))$|admin|staff|role|perm|scope|plan|tier|status|exp$|^iat$|^nbf$/i;

/** Where the app's functions, policies and views look in tokens for an organization, as paths of claims. */
export function claimPaths(catalog: Catalog): readonly (readonly string[])[] {
  const texts = [
    ...catalog.functions.map(({ body }) => body),
    ...catalog.views.map(({ definition }) => definition),
    ...catalog.policies.flatMap((one) => [one.using ?? '', one.check ?? '']),
  ].filter((text) => /jwt/i.test(text));
  const found = new Map<string, readonly string[]>();
  for (const text of texts)
    for (const [chain] of text.matchAll(steps)) {
      const path = [...chain.matchAll(/'([^']+)'/g)].flatMap(([, name = '']) => name.replace(/[{}"]/g, '').split(','));
      if (path.length > 4 || path.some((name) => noOrganization.test(name) || !/^[\w:/.-]+$/.test(name))) continue;
      if (path.at(-1) !== 'app_metadata') found.set(path.join('\0'), path);
    }
  return [...found.values()];
}
