import * as z from 'zod';
import { type Config, configSchema } from './schema.ts';

const { decisions, names } = configSchema.shape;
const keptSchema = z.object({ decisions, names });

/** What a run was decided by, in the form that the journal keeps. */
export const toKept = ({ decisions, names }: Config): z.input<typeof keptSchema> =>
  JSON.parse(JSON.stringify({ decisions, names }));

/**
 * The settings of a command with what was decided for what is applied: of a list both, and of anything else what this
 * command says, where it says something. What another version kept and this one cannot read holds no more.
 */
export function withKept(config: Config, kept: unknown): Config {
  const parsed = keptSchema.safeParse(kept);
  if (!parsed.success) return config;
  const usual = keptSchema.parse({ decisions: {}, names: {} });
  return {
    ...config,
    decisions: merged(config.decisions, parsed.data.decisions, usual.decisions),
    names: merged(config.names, parsed.data.names, usual.names),
  };
}

function merged<T extends object>(now: T, kept: T, usual: T): T {
  const entries = Object.entries(now).map(([name, value]: [string, unknown]) => {
    const [before, none] = [kept, usual].map((one): unknown => Reflect.get(one, name));
    if (Array.isArray(value) && Array.isArray(before)) return [name, [...new Set([...before, ...value])]];
    return [name, JSON.stringify(value) === JSON.stringify(none) ? before : value];
  });
  return { ...now, ...Object.fromEntries(entries) };
}
