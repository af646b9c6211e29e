import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take longest, longest first: one of them begun last would run alone while the other workers are done. */
const longest = [
  'test/cases/cases.test.ts',
  'test/e2e/interruptions.test.ts',
  'test/cli/bad-input.test.ts',
  'test/cli/plan-code.test.ts',
];

/** Starts what takes long before all others; these are in vitest's own order, which knows how long they last took. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (file: TestSpecification): number => {
      const at = longest.indexOf(relative(this.ctx.config.root, file.moduleId));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
