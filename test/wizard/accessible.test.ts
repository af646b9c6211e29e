import { describe, expect, test } from 'vitest';
import { announce, hello } from '../../src/wizard/announce.ts';
import { ascii } from '../../src/wizard/glyphs.ts';
import type { State } from '../../src/wizard/state/state.ts';
import { capabilities } from '../../src/wizard/terminal/capabilities.ts';
import { editorCommand } from '../../src/wizard/terminal/editor.ts';
import { lineKeys } from '../../src/wizard/terminal/linear.ts';
import { drive, type } from './drive.ts';
import { sampleTarget } from './fake-rollout.ts';

describe('for screen readers', () => {
  test('lines are only added: what happened, what is asked, and how diffs and results read as words', async () => {
    const driven = drive({ look: { glyphs: ascii, accessible: true }, session: {} });
    const said: string[] = [...hello(driven.state())];
    let before: State = driven.state();
    driven.store.subscribe(() => {
      said.push(...announce(before, driven.state()));
      before = driven.state();
    });
    await driven.until((state) => state.steps !== null);
    driven.press('enter', 'end', 'enter');
    await driven.until((state) => state.step?.reading != null && state.job === null);
    expect(said).toContain('add:     const orgId = req.user.orgId;');
    expect(said.some((row) => row.startsWith('del: ') && row.includes('limit(1)'))).toBe(true);
    driven.press('escape', 'home', 'enter');
    await driven.until((state) => state.step?.id === '1.1' && state.step.reading != null);
    driven.press('a');
    expect(said.join('\n')).toContain(`Type ${sampleTarget.project} to apply:`);
    type(driven, sampleTarget.project);
    driven.press('enter');
    await driven.until((state) => state.verification?.outcome === 'verified' && state.job === null);
    expect(said.some((row) => row.startsWith('1 of 2 done: rename public.profiles.tenant_id to org_id'))).toBe(true);
    expect(said.some((row) => row.startsWith('2 of 2 done: replace function'))).toBe(true);
    expect(said).toContain('passed: public.profiles says org_id');
    expect(said.join('')).not.toMatch(/[^\x20-\x7e]/);
    expect(said.filter((row) => row.startsWith('Keys, then Enter:')).length).toBeGreaterThan(3);
  });

  test('a typed line stands for keys, and in a field for its text', () => {
    expect(lineKeys('', false)).toEqual([['enter']]);
    expect(lineKeys('down', false)).toEqual([['down']]);
    expect(lineKeys('a', false)).toEqual([['a']]);
    expect(lineKeys('jj', false)).toEqual([['j'], ['j']]);
    expect(lineKeys('my reason', true)).toEqual([
      ['ctrl-u', 'm', 'y', 'space', 'r', 'e', 'a', 's', 'o', 'n'],
      ['enter'],
    ]);
    expect(lineKeys('escape', true)).toEqual([['escape']]);
  });
});

describe('what the terminal can show', () => {
  test('colour and signs follow the environment, and options win', () => {
    expect(capabilities({}, {}, 'linux')).toMatchObject({ colour: true, inline: false, look: { accessible: false } });
    expect(capabilities({}, { NO_COLOR: '1' }, 'linux').colour).toBe(false);
    expect(capabilities({}, { TERM: 'dumb' }, 'linux')).toMatchObject({
      colour: false,
      look: { glyphs: ascii, accessible: true },
    });
    expect(capabilities({}, { TERM: 'linux' }, 'linux').look.glyphs).toBe(ascii);
    expect(capabilities({}, {}, 'win32').look.glyphs).toBe(ascii);
    expect(capabilities({}, { WT_SESSION: 'x' }, 'win32').look.glyphs).not.toBe(ascii);
    expect(capabilities({}, { VOXANNE_ASCII: '1' }, 'darwin').look.glyphs).toBe(ascii);
    expect(capabilities({}, { ACCESSIBLE: '1' }, 'linux').look.accessible).toBe(true);
    expect(capabilities({}, { INK_SCREEN_READER: '1' }, 'linux').look.accessible).toBe(true);
    expect(capabilities({ colour: true, ascii: false }, { NO_COLOR: '1', TERM: 'linux' }, 'linux').colour).toBe(true);
  });

  test('the editor is told the line in its own way, without a shell', () => {
    expect(editorCommand({ EDITOR: 'vim' }, '/a b.ts', 7)).toEqual(['vim', '+7', '/a b.ts']);
    expect(editorCommand({ VISUAL: 'code --wait', EDITOR: 'vi' }, '/a.ts', 7)).toEqual([
      'code',
      '--wait',
      '--goto',
      '/a.ts:7',
    ]);
    expect(editorCommand({ EDITOR: '/usr/bin/ed' }, '/a.ts', 7)).toEqual(['/usr/bin/ed', '/a.ts']);
    expect(() => editorCommand({}, '/a.ts', 7)).toThrow('No editor is named.');
  });
});
