import { Text } from 'ink';
import { memo, type ReactElement } from 'react';
import { type Line, plainText, sameLine } from '../lines.ts';
import type { Style, Theme } from '../theme.ts';

export type RowProps = {
  readonly of: Line;
  readonly theme: Theme;
};

const inkStyle = ({ color, bold, dim, inverse }: Style) => ({
  ...(color ? { color } : {}),
  ...(bold ? { bold } : {}),
  ...(dim ? { dimColor: true } : {}),
  ...(inverse ? { inverse } : {}),
});

const same = (a: RowProps, b: RowProps): boolean => a.theme === b.theme && sameLine(a.of, b.of);

/** One row. Most rows of two frames are alike, and are not drawn again. */
export const Row = memo(
  ({ of, theme }: RowProps): ReactElement => (
    <Text wrap="truncate-end">
      {/* Ink gives a text without characters no row at all. */}
      {plainText(of) === ''
        ? ' '
        : of.map((part, index) => {
            const style = part.tone ? theme[part.tone] : undefined;
            return style ? (
              // biome-ignore lint/suspicious/noArrayIndexKey: spans have no identity but their place in the row
              <Text key={index} {...inkStyle(style)}>
                {part.text}
              </Text>
            ) : (
              part.text
            );
          })}
    </Text>
  ),
  same,
);
