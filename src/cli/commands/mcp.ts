import { harmless } from '../../report/terminal.ts';
import { type ExitCode, exitCodes } from '../../rollout/errors.ts';
import { serve } from '../mcp/server.ts';
import type { Opening } from '../mcp/tools.ts';
import { openTarget } from '../open.ts';
import type { CommonOptions } from '../options.ts';
import { runWithFlag } from '../programs.ts';
import { interruptible } from '../signals.ts';

/**
 * `voxanne-rollout mcp`: tools for a program over stdio. It looks and proposes; what changes something needs a person's
 * approval. The target comes from how it was started, never from a tool.
 */
export async function mcpCommand(options: CommonOptions): Promise<ExitCode> {
  const { signal, release } = interruptible((text) => process.stderr.write(`${text}\n`));
  // Whoever started the server allowed programs of the app, or did not; no tool does.
  const aside = { note: (text: string) => void process.stderr.write(`${harmless(text)}\n`) };
  const open: Opening = async (kind, body) => {
    const opened = await openTarget(
      options,
      kind === 'act'
        ? { programs: runWithFlag(aside), output: aside }
        : { reading: true, unrecorded: true, asDecided: kind === 'look' },
    );
    try {
      return await body(opened);
    } finally {
      await opened.close();
    }
  };
  if (process.stdin.isTTY === true)
    aside.note('This waits for a program that speaks MCP on stdin (docs/agents.md). Ctrl-C ends it.');
  try {
    await serve({ options, open }, signal, aside.note);
    return exitCodes.done;
  } finally {
    release();
  }
}
