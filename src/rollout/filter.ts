import type { Change } from './change.ts';
import { changesOf } from './grouping.ts';
import { riskOf } from './hazards.ts';

/**
 * The changes that fit every word of a filter: `risk:high`, `table:public.calls`, or a text of the title or the
 * statements. An empty filter fits all.
 */
export function filterChanges(changes: readonly Change[], filter: string): readonly Change[] {
  const words = filter.trim().split(/\s+/).filter(Boolean);
  return words.reduce<readonly Change[]>((left, word) => {
    const [, key, value = ''] = /^(risk|table):(.*)$/i.exec(word) ?? [];
    if (key?.toLowerCase() === 'risk') return left.filter((one) => riskOf([one]).risk === value.toLowerCase());
    if (key?.toLowerCase() === 'table') return changesOf(left, value.includes('.') ? value : `public.${value}`);
    const wanted = word.toLowerCase();
    return left.filter((one) => textOf(one).includes(wanted));
  }, changes);
}

const textOf = (change: Change): string => {
  const rest = change.kind === 'sql' ? change.up : change.kind === 'file' ? change.path : change.table;
  return `${change.title}\n${rest}`.toLowerCase();
};
