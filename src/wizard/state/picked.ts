import type { Dialog } from './dialog-shape.ts';

export type Pick = Extract<Dialog, { kind: 'pick' }>;

/** The items that what is typed leaves. */
export const picked = ({ items, text }: Pick): readonly { readonly label: string; readonly index: number }[] => {
  const wanted = text.toLowerCase();
  return items.flatMap((label, index) => (label.toLowerCase().includes(wanted) ? [{ label, index }] : []));
};
