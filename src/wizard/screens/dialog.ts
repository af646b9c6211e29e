import { plural } from '../../rollout/text.ts';
import { clean, clip, clipMiddle, type Line, line, span, textWidth, wrapped } from '../lines.ts';
import type { Dialog } from '../state/dialog-shape.ts';
import { picked } from '../state/picked.ts';
import type { State } from '../state/state.ts';

/** Which target a question is about, in the question itself. */
const about = (state: State, columns: number): Line => {
  const { target, look } = state;
  if (!target) return [];
  const dot = ` ${look.glyphs.separator} `;
  const [project, environment] = [clean(target.project), clean(target.environment)];
  // The host gives way, in its middle: project and environment are what tells two targets apart.
  const room = columns - 2 - textWidth(project) - textWidth(environment) - 2 * dot.length;
  const host = clipMiddle(clean(target.host), Math.max(6, room), look.glyphs.ellipsis);
  return [
    span(' '),
    span(project, 'strong'),
    span(`${dot}${host}${dot}`),
    span(environment, target.production ? 'target.production' : 'target.other'),
  ];
};

/** The end of a text that is being typed, with a caret. */
const field = (state: State, text: string, room: number): Line => {
  const { caret, ellipsis } = state.look.glyphs;
  const shown = clean(text);
  const cut = textWidth(shown) > room - 2 ? ellipsis + [...shown].slice(-(room - 3)).join('') : shown;
  return [span(cut, 'strong'), span(caret, 'key')];
};

const buttons = (dialog: Extract<Dialog, { kind: 'confirm' }>, pointer: string): Line => {
  const cancel = dialog.choice === 'cancel';
  const on = (label: string) => `${pointer} ${label} `;
  const off = (label: string) => `  ${label} `;
  return [
    span(' '),
    span(cancel ? on('cancel') : off('cancel'), cancel ? 'choice' : 'text'),
    span('  '),
    span(cancel ? off(dialog.verb) : on(dialog.verb), cancel ? 'text' : 'choice'),
  ];
};

const complaintLines = (complaint: string | null, columns: number): readonly Line[] =>
  complaint === null ? [] : wrapped(clean(complaint), columns - 1, 'status.waiting', ' ');

/**
 * What tells the operator that the right thing was pasted. A password with a bare / or @ in it, or one that is still
 * being typed, reads like a host: only what looks like one is shown, and only behind a user.
 */
const hostIn = (url: string): string | null => {
  try {
    const { username, hostname, pathname } = new URL(url.trim());
    const isHost = /[.:]/.test(hostname) || hostname === 'localhost';
    return username !== '' && isHost && !pathname.includes('@') ? `${hostname}${pathname}` : null;
  } catch {
    return null;
  }
};

const content = (state: State, dialog: Dialog, columns: number): readonly Line[] => {
  const { glyphs } = state.look;
  switch (dialog.kind) {
    case 'confirm': {
      const written = dialog.intent.kind === 'save-decisions';
      return [
        ...wrapped(`${clean(dialog.question)}${written ? '' : ' on this target'}?`, columns - 2, 'strong', ' '),
        ...(written ? [] : [about(state, columns)]),
        ...dialog.details.flatMap((text) => wrapped(text, columns - 2, 'muted', ' ')),
        dialog.word === null
          ? [...buttons(dialog, glyphs.pointer), span('     y or n', 'muted')]
          : [
              span(' Type '),
              span(clean(dialog.word), 'strong'),
              span(` to ${dialog.verb}: `),
              ...field(state, dialog.text, columns - textWidth(dialog.word) - dialog.verb.length - 14),
            ],
        ...(dialog.word === null ? [] : [buttons(dialog, glyphs.pointer)]),
        ...complaintLines(dialog.complaint, columns),
      ];
    }
    case 'reason':
      return [
        [span(` ${clean(dialog.question)}`, 'strong')],
        [span(' '), ...field(state, dialog.text, columns - 2)],
        ...complaintLines(dialog.complaint, columns),
      ];
    case 'waive-which':
      return [
        line(' Waive which findings, with one reason?', 'strong'),
        ...dialog.choices.map((choice, index): Line => {
          const chosen = index === dialog.cursor;
          const many =
            choice.ids.length === 1
              ? 'only'
              : choice.ids.length === 2
                ? 'both findings'
                : `all ${plural(choice.ids.length, 'finding')}`;
          return [
            span(chosen ? ` ${glyphs.pointer} ` : '   ', 'pointer'),
            span(`${index + 1}  `, 'key'),
            span(`${many} ${clean(choice.label)}`, chosen ? 'strong' : 'text'),
          ];
        }),
        ...(dialog.fixed === 0
          ? []
          : [
              line(
                dialog.fixed === 1
                  ? ' 1 more is fixed by the step when it is applied, and is not waived.'
                  : ` ${dialog.fixed} more are fixed by their steps when those are applied, and are not waived.`,
                'muted',
              ),
            ]),
      ];
    case 'pick': {
      const all = picked(dialog);
      const room = Math.max(3, Math.min(12, Math.floor(state.size.rows / 3)));
      const top = Math.max(0, Math.min(all.length - room, dialog.cursor - Math.floor(room / 2)));
      const title = { table: 'Journey of table: ', part: 'Go to: ', request: 'Requests: ' }[dialog.what];
      return [
        [
          span(` ${title}`, 'strong'),
          ...field(state, dialog.text, columns - title.length - 12),
          span(`  ${all.length} of ${dialog.items.length}`, 'muted'),
        ],
        ...all.slice(top, top + room).map(({ label }, index): Line => {
          const chosen = top + index === dialog.cursor;
          return [
            span(chosen ? ` ${glyphs.pointer} ` : '   ', 'pointer'),
            span(clean(label), chosen ? 'strong' : 'text'),
          ];
        }),
      ];
    }
    case 'filter':
      return [
        [span(' Only changes with: ', 'key'), ...field(state, dialog.text, columns - 22)],
        line(' risk:high, risk:medium, risk:low; table:public.calls; any text. Empty: all', 'muted'),
      ];
    case 'search':
      return [[span(' / ', 'key'), ...field(state, dialog.text, columns - 5)]];
    case 'url': {
      const host = hostIn(dialog.text);
      const length = [...dialog.text].length;
      const masked = glyphs.mask.repeat(Math.min(length, Math.max(0, columns - 30)));
      return [
        [span(' Connection string of the database', 'strong'), span(' (not shown, never stored)', 'muted')],
        [
          span(' '),
          ...field(state, masked, columns - 2),
          ...(length > 0 ? [span(`  ${length} characters`, 'muted')] : []),
        ],
        host === null
          ? line(' Supabase: Project Settings, Database, "Session pooler" or "Direct connection"', 'muted')
          : [span(' host ', 'muted'), span(clean(host))],
        ...complaintLines(dialog.complaint, columns),
      ];
    }
  }
};

/** The open question, below what it is about. No line where there is none. */
export const dialogLines = (state: State, columns: number): readonly Line[] => {
  const { dialog, look } = state;
  if (!dialog || state.exit) return [];
  return [
    line(look.glyphs.rule.repeat(columns), 'rule'),
    ...content(state, dialog, columns).map((row) => clip(row, columns, look.glyphs.ellipsis)),
  ];
};
