/**
 * Settings that an exported variable may give, by key path. Consent may come from an exported variable, so every
 * decision is here; it never comes from a `.env` file, so callers pass the process environment and nothing else.
 */
const settings = {
  'decisions.orphans': 'text',
  'decisions.wrongForeignKeys': 'text',
  'decisions.revokeExecute': 'boolean',
  'decisions.protectRouters': 'list',
  'decisions.disagreeingColumns': 'text',
  'decisions.createProfiles': 'boolean',
  'decisions.renameClaims': 'boolean',
  'decisions.anonymousUsers': 'text',
  'decisions.ambiguousMemberships': 'text',
  legacyReads: 'boolean',
  lockTimeout: 'number',
  statementTimeout: 'number',
  patience: 'number',
  batchSize: 'number',
  executor: 'text',
  environment: 'text',
  ca: 'text',
  allowPlaintext: 'boolean',
  probeEmailDomain: 'text',
  accessTokenHook: 'boolean',
  backendUrl: 'text',
  supabaseUrl: 'text',
} as const;

/** `decisions.wrongForeignKeys` is `VOXANNE_ROLLOUT_WRONG_FOREIGN_KEYS`. */
export function variableName(path: string): string {
  const key = path.split('.').at(-1) ?? path;
  return `VOXANNE_ROLLOUT_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** The settings that the environment gives, unchecked, in the shape of the configuration file. */
export function variableSettings(env: Readonly<Record<string, string | undefined>>): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  const decisions: Record<string, unknown> = {};
  for (const [path, type] of Object.entries(settings)) {
    const value = env[variableName(path)];
    if (value === undefined || value === '') continue;
    const key = path.split('.').at(-1) ?? path;
    (path.startsWith('decisions.') ? decisions : found)[key] = convert(value, type);
  }
  return Object.keys(decisions).length === 0 ? found : { ...found, decisions };
}

/** A value of the wrong form stays text, so that the check names it and says what was expected. */
function convert(value: string, type: 'text' | 'list' | 'number' | 'boolean'): unknown {
  if (type === 'list') return value === 'all' ? value : value.split(/\s*,\s*/);
  if (type === 'number') return /^\d+$/.test(value) ? Number(value) : value;
  if (type === 'boolean') return { true: true, '1': true, false: false, '0': false }[value.toLowerCase()] ?? value;
  return value;
}
