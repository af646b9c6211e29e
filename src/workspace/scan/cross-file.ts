import type { Project } from '../discover.ts';
import type { RuleContext } from './rule.ts';
import type { Source } from './syntax.ts';
import type { Finding } from './types.ts';

/** What crosses files. Filled while files pass by, resolved at the end. */
export class CrossFile {
  readonly known: ReadonlySet<string>;
  readonly projects: readonly Project[];

  constructor(known: ReadonlySet<string>, projects: readonly Project[]) {
    this.known = known;
    this.projects = projects;
  }

  add(_source: Source, _context: RuleContext): void {
    // filled in below
  }

  resolve(_findings: readonly Finding[]): readonly Finding[] {
    return [];
  }
}
