import { readPackageFile } from '../../package-root.ts';

/** The text of one of the SQL files beside this module, found from the sources and from a bundle alike. */
export const readSql = (file: string): string => readPackageFile(`src/demo/databases/${file}`);
