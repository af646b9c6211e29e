export { configFileName, type LoadOptions, loadConfig } from './load.ts';
export { splitName } from './names.ts';
export { isProduction } from './production.ts';
export { type Config, configJsonSchema, configSchema, type PartialConfig } from './schema.ts';
export { createRedactor, redact, secretsOf, urlPasswords } from './secrets.ts';
export { flagName, nested, readSetting, type SettingRow, settingRows, variableName } from './settings.ts';
