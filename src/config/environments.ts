import * as z from 'zod';

const environment = z.strictObject({
  is: z
    .array(z.string().min(1))
    .min(1)
    .describe('How it is recognised: project refs, or hosts as host, host:port, host/database or host:port/database.'),
  after: z
    .array(z.string().min(1))
    .default([])
    .describe('Environments on which a plan must have been rehearsed or rolled out before it is taken here.'),
  url: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of a variable, never a connection string')
    .nullable()
    .default(null)
    .describe('Exported variable that holds its connection string, for status --all; null: it is not checked.'),
});

type Environments = Readonly<
  Record<string, { readonly is: readonly string[]; readonly after: readonly string[]; readonly url: string | null }>
>;

/** The environments of an app by name, with what each asks of the others. */
export const environmentsSchema = z
  .record(z.string().min(1).max(40), environment)
  .default({})
  .superRefine((all: Environments, context) => {
    const refuse = (path: readonly string[], message: string): void =>
      context.addIssue({ code: 'custom', path: [...path], message });
    const seen = new Map<string, string>();
    for (const [name, { is, after }] of Object.entries(all)) {
      for (const mark of is) {
        const other = seen.get(mark.toLowerCase());
        if (other !== undefined)
          refuse([name, 'is'], `expected what no other environment has: ${other} is ${mark} too`);
        seen.set(mark.toLowerCase(), name);
      }
      for (const one of after) {
        if (all[one] === undefined) refuse([name, 'after'], `expected names of environments: there is no ${one}`);
      }
      if (waitsFor(all, name).has(name)) refuse([name, 'after'], `expected no circle: ${name} would wait for itself`);
    }
  });

/** Every environment that comes before this one, through others as well. */
function waitsFor(all: Environments, name: string): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...(all[name]?.after ?? [])];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (found.has(one)) continue;
    found.add(one);
    open.push(...(all[one]?.after ?? []));
  }
  return found;
}

type Environment = {
  readonly name: string;
  readonly after: readonly string[];
};

/** The environment that a database is, by what tells most about it; null where none names it. */
export function environmentOf(
  environments: Environments,
  target: { readonly project: string | null; readonly host: string; readonly port: number; readonly database: string },
): Environment | null {
  const host = target.host.toLowerCase();
  // The more a mark says the more it counts: of two databases of one host, each may be an environment.
  const marks = [
    `${host}:${target.port}/${target.database}`,
    `${host}/${target.database}`,
    `${host}:${target.port}`,
    target.project ?? host,
    host,
  ].map((mark) => mark.toLowerCase());
  for (const mark of marks) {
    for (const [name, { is, after }] of Object.entries(environments)) {
      if (is.some((one) => one.toLowerCase() === mark)) return { name, after };
    }
  }
  return null;
}
