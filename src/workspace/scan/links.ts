import { modulesOfApp } from './call-targets.ts';
import { passedOnIn } from './passed-on.ts';
import type { RuleContext } from './rule-context.ts';
import type { Links } from './types.ts';

/** Null for a file that has nothing to do with others. */
export function linksOf({ side, source }: RuleContext): Links | null {
  const modules = side === 'browser' ? [] : modulesOfApp(source);
  const passedOn = passedOnIn(source.text);
  return modules.length + passedOn.length === 0 ? null : { modules, passedOn };
}
