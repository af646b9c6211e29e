import { vi } from 'vitest';
import { main } from '../../src/cli/main.ts';

/** The command line without a process of its own: what it wrote, and its exit code. One at a time. */
export async function runMain(
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const text = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk: unknown) => {
      text[name] += String(chunk);
      return true;
    }),
  );
  try {
    return { code: await main(['node', 'voxanne-rollout', ...args]), ...text };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
