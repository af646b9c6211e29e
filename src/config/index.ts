export { flagName } from '../rollout/decision.ts';
export { environmentOf } from './environments.ts';
export { configFileName, loadConfig } from './load.ts';
export { splitName } from './names.ts';
export { isProduction } from './production.ts';
export { type Config, configJsonSchema, configSchema, type PartialConfig } from './schema.ts';
export { settingRows } from './settings.ts';
