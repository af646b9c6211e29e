import type { DbFunction } from '../../../src/database/catalog/types.ts';
import { escapeRegExp } from '../../../src/database/words.ts';
import { type Survey, tenantOf } from '../survey.ts';
import { textOf } from './definer-bodies.ts';

/**
 * What a function with its owner's rights does that no condition on rows can limit: it runs SQL that its caller wrote,
 * empties tables, or says who belongs where. Null where nothing of that kind stands in it.
 */
export function dangerOf(one: DbFunction, survey: Survey): string | null {
  const body = textOf(one)
    .replace(/--[^\n]*/g, ' ')
    .replace(/\/\*[\s\S]*?\*\//g, ' ');
  if (runsText(one, body) || plansText(one, body)) return 'runs SQL that its caller gives it';
  if (/\btruncate\b/i.test(body)) return 'empties tables';
  const { memberships, profiles } = survey;
  if (survey.truth === 'memberships' && memberships !== null && writes(body, memberships.table, null)) {
    return `writes ${memberships.table.schema}.${memberships.table.name}, which says who belongs where`;
  }
  const key = profiles === null ? null : (tenantOf(survey, profiles)?.key.name ?? null);
  if (survey.truth === 'profiles' && profiles !== null && key !== null && writes(body, profiles, key)) {
    return `writes ${profiles.schema}.${profiles.name}.${key}, which says who belongs where`;
  }
  if (/\bupdate\s+auth\s*\.\s*users\b/i.test(body) && one.name !== 'switch_organization') {
    return 'writes auth.users, whose metadata says who belongs where';
  }
  return null;
}

const textual = /^(text|character varying|character|json|jsonb|name)(\[\])?$/;

/** What a caller gives as text, or null. */
function textGiven(one: DbFunction): RegExp | null {
  const names = one.arguments
    .filter(({ mode, type }) => mode !== 'o' && mode !== 't' && textual.test(type))
    .flatMap(({ name }, index) => [...(name === null ? [] : [name]), `$${index + 1}`]);
  return names.length === 0 ? null : new RegExp(`(?<![\\w.])(?:${names.map(escapeRegExp).join('|')})(?!\\w)`, 'i');
}

/** A job runs its text as whoever planned it, here the function's owner. */
function plansText(one: DbFunction, body: string): boolean {
  const argument = textGiven(one);
  const plans =
    /\bcron\s*\.\s*(?:schedule|schedule_in_database|alter_job)\s*\(|\b(?:insert\s+into|update)\s+cron\s*\.\s*job\b/i;
  return argument !== null && body.split(';').some((statement) => plans.test(statement) && argument.test(statement));
}

/** EXECUTE of an argument, or of a text that holds one without quoting it. */
function runsText(one: DbFunction, body: string): boolean {
  const argument = textGiven(one);
  if (argument === null) return false;
  for (const [, given] of body.matchAll(/\bexecute\s+(?!function\b|procedure\b)([^;]+);/gi)) {
    const statement = (given ?? '').replace(/\busing\b[\s\S]*$/i, '');
    const raw = statement
      .replace(/\bquote_(ident|literal|nullable)\s*\([^()]*\)/gi, '')
      .replace(/\bformat\s*\(\s*'((?:[^']|'')*)'\s*,[^;]*\)/gi, (whole, text: string) =>
        /%s|%\d\$s/.test(text) ? whole : '',
      )
      .replace(/'(?:[^']|'')*'/g, '');
    if (argument.test(raw)) return true;
  }
  return false;
}

/** Its body inserts into the table or updates it; of profiles, that column. */
function writes(
  body: string,
  table: { readonly schema: string; readonly name: string },
  column: string | null,
): boolean {
  const name = `(?:"?${escapeRegExp(table.schema)}"?\\s*\\.\\s*)?"?${escapeRegExp(table.name)}"?(?![\\w"])`;
  const statement = new RegExp(`\\b(?:insert\\s+into|update(?:\\s+only)?)\\s+${name}([^;]*)`, 'gi');
  return [...body.matchAll(statement)].some(
    ([, rest]) => column === null || new RegExp(`(?<!\\w)"?${escapeRegExp(column)}"?(?!\\w)`, 'i').test(rest ?? ''),
  );
}
