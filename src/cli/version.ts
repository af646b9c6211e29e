import { readPackageFile } from '../package-root.ts';

/** The version of this package, as its package.json says. */
export const version: string = (JSON.parse(readPackageFile('package.json')) as { version: string }).version;
