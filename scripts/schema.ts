// Writes what is made from the one table of settings: the JSON schema for editors and the page for people.
// Run after a change in src/config: npm run schema
import { writeFileSync } from 'node:fs';
import { configJsonSchema } from '../src/config/index.ts';
import { settingsPage } from './settings-page.ts';

const inRoot = (file: string): URL => new URL(`../${file}`, import.meta.url);

writeFileSync(inRoot('voxanne-rollout.schema.json'), `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
writeFileSync(inRoot('docs/settings.md'), settingsPage());
