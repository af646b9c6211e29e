/** What an app calls its organizations, beside the usual words. Names as the database spells them. */
export type Vocabulary = {
  /** Columns that name the organization: `team_id`, `companyId`. */
  readonly columns: readonly string[];
  /** Tables with one row per organization. */
  readonly tables: readonly string[];
  /** Tables with one row per user and organization. */
  readonly memberships: readonly string[];
  /** `table.column` of columns that are named so and refer to something else. */
  readonly elsewhere?: readonly string[];
  /** Usual words that mean something else in this app. */
  readonly otherwise?: readonly string[];
  /** Tables whose rows belong to an organization, as far as a schema says so. */
  readonly tenants?: readonly string[];
};

type Patterns = {
  /** A text without it needs no closer look for an organization. */
  readonly letters: RegExp;
  /** On the words of a name, joined by `_`. */
  readonly idName: RegExp;
  readonly name: RegExp;
  readonly mention: RegExp;
  readonly column: RegExp;
  readonly table: RegExp;
  readonly membership: RegExp;
  /** Words that start a look, in a text. */
  readonly words: RegExp;
  /** Names of ids and of tables, in a text. */
  readonly places: RegExp;
  /** A string that is a header which names an organization. */
  readonly header: RegExp;
  /** What a name of an organization's key ends in, as alternatives: `id`, `uuid`, and `slug` in an app that goes by it. */
  readonly ending: string;
  /** One of the words, for patterns of others. */
  readonly word: string;
  readonly tableWord: string;
  /** As `placeName` spells them. */
  readonly elsewhere: ReadonlySet<string>;
  /** As `tableName` spells them. */
  readonly tenants: ReadonlySet<string>;
};

/** A table, however code spells it: `usage_records`, `usageRecords`. */
export const tableName = (table: string): string => table.replace(/^.*\./, '').replace(/_/g, '').toLowerCase();

/** A column of a table, however code spells the two: `partnerLinks.organizationId`, `partner_links.organization_id`. */
export const placeName = (table: string, column: string): string =>
  `${tableName(table)}.${column.replace(/_/g, '').toLowerCase()}`;

const usualWords = ['org', 'organi[sz]ation', 'tenant', 'workspace'];

/** The words in force. */
export const vocabulary = (): Patterns => current;

/** Of an app that says nothing of its words. */
export const usualVocabulary: Vocabulary = { columns: [], tables: [], memberships: [] };

/**
 * Sets the words for what is looked at from here on. One process looks at one app; the engine sets them before each file,
 * so that scans which take turns do not mix.
 */
export function speak(words: Vocabulary): void {
  if (words === given) return;
  given = words;
  const key = JSON.stringify(words);
  if (key === spoken) return;
  spoken = key;
  current = patternsOf(words);
}

/** `team_id` -> team, `companyId` -> company, `ws_id` -> ws. */
function stemOf(column: string): string {
  const snake = column.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  return snake.replace(/^.*\./, '').replace(/_?(?:id|uuid|slug)$/, '');
}

/** `companies` -> company. */
export function singularOf(table: string): string {
  const bare = stemOf(table);
  if (/ies$/.test(bare)) return `${bare.slice(0, -3)}y`;
  return /[^s]s$/.test(bare) ? bare.slice(0, -1) : bare;
}

/** Words that every app has for other things. */
const common = new Set(['', 'user', 'owner', 'parent', 'profile', 'member', 'id', 'row', 'data', 'item']);

const escaped = (text: string): string => text.replace(/[^\w]/g, '\\$&');

function patternsOf(given: Vocabulary): Patterns {
  const stems = [...given.columns.map(stemOf), ...given.tables.map(singularOf)].filter(
    (one) => one.length > 1 && !common.has(one),
  );
  const usual = usualWords.filter((one) => !(given.otherwise ?? []).some((word) => new RegExp(`^${one}$`).test(word)));
  const own = [...new Set(stems)].filter((one) => !/^(?:org|organi[sz]ation|tenant|workspace)$/.test(one)).map(escaped);
  const word = [...usual, ...own].join('|');
  // In a text the words of a name may be written together or with a line between them.
  const loose = [...usual, ...own.map((one) => one.replace(/_/g, '[-_]?'))].join('|');
  const plain = (name: string): string => escaped(name.replace(/^.*\./, ''));
  const tables = [...usual.map((one) => `${one}s?`), ...given.tables.map(plain)].join('|');
  const columns = [...new Set(given.columns.flatMap((name) => [plain(name), camel(plain(name))]))].join('|');
  // Some apps know their organizations by the name in the address.
  const slug = given.columns.some((name) => /_?slug$/i.test(name)) ? '|slug' : '';
  const members = [
    'user_?org(?:ani[sz]ation)?s?_?roles?|org(?:ani[sz]ation)?_?(?:members?|users?|memberships?)|memberships?',
    'user_?org(?:ani[sz]ation)?s?|team_?members?|tenant_?(?:users?|members?)|profiles?',
    ...given.memberships.map(plain),
    ...own.map((one) => `${one}_?(?:members?|users?|memberships?)|user_?${one}s?`),
  ].join('|');
  return {
    letters: new RegExp(
      [...usual.map((one) => (one.startsWith('organi') ? 'org' : one)), loose, tables].join('|'),
      'i',
    ),
    idName: new RegExp(`(?:^|_)(${word})(?:_(?:id|uuid|ids${slug})|id|uuid)(?:_|$)`),
    name: new RegExp(`(?:^|_)(?:${word})$`),
    mention: new RegExp(`(?:^|_)(?:${word})(?:s|id|ids)?(?:_|$)`),
    column: new RegExp(
      `^(?:(?:${usual.join('|')})(?:_id|Id)${columns === '' ? '' : `|${columns}`}${own.map((one) => `|${camel(one)}Id|${one}_id`).join('')})$`,
    ),
    table: new RegExp(`^(?:public\\.)?(?:${tables})$`, 'i'),
    membership: new RegExp(`^(?:public\\.)?(?:${members})$`, 'i'),
    words: new RegExp(
      `\\b(?:[xX]-)?\\w*(?:${loose})[-_]?(?:id|uuid${slug})\\w*\\b|\\b(?:${[...usual.slice(0, -1), ...own].join('|')})\\b`,
      'gi',
    ),
    places: new RegExp(
      `(?:${loose})[-_]?(?:id|uuid${slug})\\w*|(?<!\\w)(?:${usual.map((one) => `${one}s${one === 'workspace' ? '' : '?'}`).join('|')}${given.tables.map((one) => `|${plain(one)}`).join('')})\\b`,
      'gi',
    ),
    header: new RegExp(`['"\`]x-(?:${loose})(?:-?id|-uuid${slug.replace('|', '|-')})?['"\`]`, 'gi'),
    ending: `id|uuid${slug}`,
    word: loose,
    tableWord: tables,
    elsewhere: new Set(
      (given.elsewhere ?? []).map((one) => placeName(one.replace(/\.\w+$/, ''), one.replace(/^.*\./, ''))),
    ),
    tenants: new Set((given.tenants ?? []).map(tableName)),
  };
}

const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

let current: Patterns = patternsOf(usualVocabulary);
let spoken = '';
let given: Vocabulary | null = null;
