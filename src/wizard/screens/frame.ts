import { clean, clip, type Line, line } from '../lines.ts';
import type { State } from '../state/state.ts';
import { decideScreen } from './decide.ts';
import { dialogLines } from './dialog.ts';
import { findingsScreen } from './findings.ts';
import { footer } from './footer.ts';
import { bodyRows, frameRows, logRows } from './frame-rows.ts';
import { header } from './header.ts';
import { helpScreen } from './help.ts';
import { logLines } from './log.ts';
import { overviewScreen } from './overview.ts';
import { readingScreen } from './reading.ts';
import { runningScreen } from './running.ts';
import { startScreen } from './start.ts';
import { tooSmall, tooSmallScreen } from './too-small.ts';
import { verificationScreen } from './verification.ts';

/** The present screen, without what surrounds it. */
export const body = (state: State, rows: number): readonly Line[] => {
  if (state.help !== null) return helpScreen(state, rows);
  switch (state.screen) {
    case 'start':
      return startScreen(state, rows);
    case 'overview':
      return overviewScreen(state, rows);
    case 'step':
    case 'rollback':
    case 'journey':
    case 'request':
      return readingScreen(state, rows);
    case 'running':
      return runningScreen(state, rows);
    case 'verification':
      return verificationScreen(state, rows);
    case 'decide':
      return decideScreen(state, rows);
    case 'findings':
      return findingsScreen(state, rows);
  }
};

const noticeTones = { ok: 'status.ok', failed: 'status.failed', waiting: 'status.waiting' } as const;

/** Exactly as many lines as the frame has, none wider than the terminal: the one place where that is made sure. */
export const frame = (state: State): readonly Line[] => {
  const { columns } = state.size;
  const { glyphs } = state.look;
  if (tooSmall(state)) {
    const room = Math.max(1, state.size.rows - 1);
    return tooSmallScreen(state)
      .slice(0, room)
      .map((row) => clip(row, columns, glyphs.ellipsis));
  }
  const room = bodyRows(state);
  const shown = body(state, room);
  const fitted =
    shown.length > room
      ? [...shown.slice(0, room - 1), line(` ${glyphs.down} ${shown.length - room + 1} more lines`, 'muted')]
      : [...shown, ...Array.from({ length: room - shown.length }, () => line())];
  const signs = { ok: glyphs.ok, failed: glyphs.failed, waiting: glyphs.waiting };
  const notice = state.notice
    ? [line(` ${signs[state.notice.tone]} ${clean(state.notice.text)}`, noticeTones[state.notice.tone])]
    : [];
  const top = header(state);
  const all = [
    ...top,
    ...fitted,
    ...logLines(state, logRows(state)),
    ...notice,
    ...dialogLines(state, columns),
    ...footer(state),
  ];
  const rows = frameRows(state);
  // A question taller than the room keeps its end, where the answer is.
  const cut = all.length > rows ? [...all.slice(0, top.length), ...all.slice(all.length - rows + top.length)] : all;
  return cut.map((row) => clip(row, columns, glyphs.ellipsis));
};
