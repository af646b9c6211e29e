type Fields = Record<string, unknown>;

function write(level: string, scope: string, message: string, fields: Fields = {}) {
  if (process.env.NODE_ENV === 'test' && level === 'info') return;
  process.stderr.write(`${JSON.stringify({ level, scope, message, ...fields })}\n`);
}

export const log = {
  info: (scope: string, message: string, fields?: Fields) => write('info', scope, message, fields),
  warn: (scope: string, message: string, fields?: Fields) => write('warn', scope, message, fields),
  error: (scope: string, message: string, fields?: Fields) => write('error', scope, message, fields),
};
