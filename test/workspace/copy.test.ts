import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyWorkspace } from '../../src/workspace/copy.ts';

test('a copy for planning holds the sources and no secret', async () => {
  const root = mkdtempSync(join(tmpdir(), 'secrets-'));
  try {
    mkdirSync(join(root, 'api'));
    const files = {
      'api/server.ts': 'export {}',
      'api/.env': 'KEY=1',
      '.env.local': 'KEY=2',
      '.env.example': 'KEY=',
      'api/tls.key': 'KEY 3',
    };
    for (const [file, text] of Object.entries(files)) writeFileSync(join(root, file), text);
    await using copy = await copyWorkspace(root);
    const read = (file: string): string => readFileSync(join(copy.root, file), 'utf8');
    expect(Object.keys(files).map(read)).toEqual(['export {}', '', '', 'KEY=', '']);
  } finally {
    rmSync(root, { recursive: true });
  }
});
