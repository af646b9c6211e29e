import { aroundKeys } from './keys/around.ts';
import type { Action, Binding } from './keys/binding.ts';
import { stepKeys } from './keys/steps.ts';
import { textKeys } from './keys/texts.ts';
import type { State } from './state/state.ts';

/** Every key of every screen; where two could be meant, and in the footer, the first counts. */
export const bindings: readonly Binding[] = [...stepKeys, ...textKeys, ...aroundKeys];

/** The keys that do something now. */
export const available = (state: State): readonly Binding[] =>
  bindings.filter(
    (binding) => (binding.on === undefined || binding.on.includes(state.screen)) && (binding.when?.(state) ?? true),
  );

/** Why a key of this screen does nothing now, where that can be said. */
export const whyNot = (state: State, key: string): string | null => {
  for (const binding of bindings) {
    if (binding.on !== undefined && !binding.on.includes(state.screen)) continue;
    if (!binding.keys.includes(key)) continue;
    const reason = binding.why?.(state) ?? null;
    if (reason !== null) return reason;
  }
  return null;
};

export const actionOf = (state: State, key: string): Action | null =>
  available(state).find((binding) => binding.keys.includes(key))?.action ?? null;
