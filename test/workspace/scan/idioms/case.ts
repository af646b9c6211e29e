/** A name, where the file lies, what is found in it ('' for nothing), and the file. */
export type Case = readonly [name: string, path: string, finds: string, code: string];
