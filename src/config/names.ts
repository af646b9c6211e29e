/**
 * Splits `schema.table` as the configuration writes it into unquoted parts; `"My app"."T"` gives `My app` and `T`.
 * A name without a schema is taken as one of `public`.
 */
export function splitName(name: string): { readonly schema: string; readonly name: string } {
  const parts = [...name.matchAll(/"((?:[^"]|"")+)"|([^".]+)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
  const [first = '', second] = parts;
  return second === undefined ? { schema: 'public', name: first } : { schema: first, name: second };
}
