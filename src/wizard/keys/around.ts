import { changing, statusOf } from '../state/state.ts';
import type { Binding } from './binding.ts';
import { busy, findingsNext, inTheMiddle, listed, reading, ready, scrolled } from './when.ts';

/** What saves, moves, leaves, and works everywhere. */
export const aroundKeys: readonly Binding[] = [
  {
    action: 'skip',
    keys: ['s'],
    shown: 's',
    hint: 'skip',
    help: 'skip the step: it is not applied, with a recorded reason',
    on: ['step'],
    when: (state) =>
      ready(state) && ['pending', 'rolled back', 'failed'].includes(statusOf(state, state.step?.id)?.state ?? ''),
    why: (state) => busy(state) ?? 'Only a step that is not in place can be skipped: roll it back first.',
  },
  {
    action: 'save',
    keys: ['w'],
    shown: 'w',
    hint: 'save',
    help: 'write the preview to a file',
    on: ['step', 'rollback'],
    when: reading,
    why: (state) => busy(state) ?? 'There is nothing to save yet.',
  },
  {
    action: 'findings',
    keys: ['f'],
    shown: 'f',
    hint: 'findings',
    help: 'places in the code that break tenant isolation',
    on: ['overview', 'step'],
    when: (state) => state.offers.findings && ready(state) && !findingsNext(state),
    why: (state) =>
      busy(state) ??
      (state.offers.findings ? null : 'No code is part of this target: name its folder with --workspace.'),
  },
  {
    action: 'log',
    keys: ['l'],
    shown: 'l',
    hint: 'log',
    help: 'show or hide the command log: every statement, as sent',
    on: listed,
  },
  {
    action: 'save-log',
    keys: ['L'],
    shown: 'L',
    help: 'write the command log to a file',
    on: listed,
  },
  {
    action: 'back',
    keys: ['escape', 'left', 'h', 'backspace'],
    shown: 'esc',
    hint: 'back',
    help: 'back to where you came from',
    on: ['overview', 'step', 'running', 'verification', 'rollback', 'findings', 'decide', 'journey', 'request'],
    when: (state) => !changing(state),
    why: () => inTheMiddle,
  },
  { action: 'up', keys: ['up', 'k'], shown: '↑ ↓ k j', help: 'up and down', on: scrolled },
  { action: 'down', keys: ['down', 'j'], shown: '↓ j', on: scrolled },
  {
    action: 'page-up',
    keys: ['page-up', 'ctrl-b', 'ctrl-u'],
    shown: 'pgup pgdn',
    help: 'a page up or down; also ctrl-b, ctrl-f, space',
    on: scrolled,
  },
  {
    action: 'page-down',
    keys: ['page-down', 'ctrl-f', 'ctrl-d', 'space'],
    shown: 'pgdn',
    on: scrolled,
  },
  {
    action: 'first',
    keys: ['home', 'g'],
    shown: 'home end',
    help: 'to the beginning or the end; also g, G',
    on: scrolled,
  },
  { action: 'last', keys: ['end', 'G'], shown: 'end', on: scrolled },
  {
    action: 'stop',
    keys: ['ctrl-c'],
    shown: 'ctrl-c',
    hint: 'stop',
    help: 'stop after, or without, the present change; twice: leave now',
    when: (state) => state.job !== null,
  },
  { action: 'stop', keys: ['ctrl-c'], shown: 'ctrl-c', help: 'leave', when: ready },
  { action: 'redraw', keys: ['ctrl-l'], shown: 'ctrl-l', help: 'draw the screen again' },
  { action: 'suspend', keys: ['ctrl-z'], shown: 'ctrl-z', help: 'suspend; fg comes back', when: ready },
  { action: 'help', keys: ['?'], shown: '?', hint: 'keys', help: 'show or hide this list' },
  {
    action: 'quit',
    keys: ['q'],
    shown: 'q',
    hint: 'quit',
    help: 'leave; what was done stays, and a later run resumes here',
    when: (state) => !changing(state),
    why: () => inTheMiddle,
  },
];
