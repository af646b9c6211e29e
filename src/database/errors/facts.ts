/** What the caller was doing; everything is optional and nothing of it is a secret. */
export type ErrorContext = {
  /** The target, as `describeUrl` gives it. */
  readonly connection?: {
    readonly label: string;
    readonly host: string;
    readonly user: string;
    readonly database: string;
    readonly project: string | null;
    readonly kind: string;
  };
  /** True while connecting and signing in: such errors end with exit code 4. */
  readonly connecting?: boolean;
  /** The statement that was sent, for the excerpt with the caret. */
  readonly sql?: string;
  /** Removes the secrets of this run; the patterns of `config/secrets.ts` are always applied. */
  readonly redact?: (text: string) => string;
};

/** What an error of `pg`, of the network or of TLS says about itself; absent fields are empty. */
export type ErrorFacts = {
  /** A five-character SQLSTATE, or empty. */
  readonly sqlstate: string;
  /** A code of Node (`ECONNREFUSED`), or empty. */
  readonly code: string;
  readonly message: string;
  readonly detail: string;
  readonly hint: string;
  /** 1-based, in characters of the statement; null when the server gave none. */
  readonly position: number | null;
  readonly internalPosition: number | null;
  /** The statement inside a function that failed. */
  readonly internalQuery: string;
  /** The call stack inside the server, innermost first. */
  readonly where: string;
};

export function factsOf(error: unknown): ErrorFacts {
  const source = firstCause(error);
  const code = field(source, 'code');
  const sqlstate = isSqlstate(code) && !/^E[A-Z]{4}$/.test(code) ? code : '';
  return {
    sqlstate,
    code: sqlstate === '' ? code : '',
    message: source instanceof Error ? source.message : String(source),
    detail: field(source, 'detail'),
    hint: field(source, 'hint'),
    position: positive(field(source, 'position')),
    internalPosition: positive(field(source, 'internalPosition')),
    internalQuery: field(source, 'internalQuery'),
    where: field(source, 'where'),
  };
}

/** A host with several addresses fails with one error per address; the first that has a code speaks for all. */
function firstCause(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  const errors: readonly unknown[] = error.errors;
  return errors.find((one) => field(one, 'code') !== '') ?? errors[0] ?? error;
}

/** Five characters, digits and capitals. Node's own codes of that length (`EPIPE`) begin with E and hold no digit. */
function isSqlstate(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code);
}

function field(value: unknown, name: string): string {
  if (typeof value !== 'object' || value === null) return '';
  const found: unknown = Reflect.get(value, name);
  return typeof found === 'string' ? found : typeof found === 'number' ? String(found) : '';
}

function positive(text: string): number | null {
  const number = Number(text);
  return Number.isInteger(number) && number > 0 ? number : null;
}
