import { startServer } from './src/demo/server.ts';
import { runCase } from './test/cases/stage.ts';
const server = await startServer();
try {
  for (const name of process.argv.slice(2)) {
    await using o = await runCase(server, name, name.startsWith('31') ? { decisions: { ambiguousMemberships: 'oldest' } } : {});
    console.log('===', name, 'stopped', o.stopped);
    for (const s of o.said) console.log('  ', s.slice(0, 400));
  }
} finally { await server.stop(); }
