const statements = new WeakMap<object, string>();

/** Remembers which SQL an error belongs to, so that the message can show the line with a caret. */
export function attachSql(error: unknown, sql: string): unknown {
  if (typeof error === 'object' && error !== null) statements.set(error, sql);
  return error;
}

/** The statement that an error belongs to, for its excerpt. */
export const sqlOf = (error: unknown): { sql: string } | undefined => {
  const sql = typeof error === 'object' && error !== null ? statements.get(error) : undefined;
  return sql === undefined ? undefined : { sql };
};
