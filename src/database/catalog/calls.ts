import type { DbFunction } from './types.ts';

/** Whether one of these SQL conditions calls a function of this name, in whatever schema. */
export function isCalledIn(one: DbFunction, conditions: readonly string[]): boolean {
  const call = new RegExp(`(^|[^\\w])${one.name.replace(/[^\w]/g, '\\$&')}\\s*\\(`);
  return conditions.some((condition) => call.test(condition));
}

/** SQL without its comments. */
export const withoutComments = (text: string): string => text.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ');
