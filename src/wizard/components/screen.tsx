import { Box } from 'ink';
import type { ReactElement } from 'react';
import type { Line } from '../lines.ts';
import type { Theme } from '../theme.ts';
import { Row } from './row.tsx';

export type ScreenProps = {
  /** Already fitted to the terminal: as many rows as it may have, none too wide. */
  readonly lines: readonly Line[];
  readonly theme: Theme;
  readonly columns: number;
};

export const Screen = ({ lines, theme, columns }: ScreenProps): ReactElement => (
  // Not `overflow`: the rows are fitted already, and Ink would cut each of them again, cell by cell.
  <Box flexDirection="column" width={columns} height={lines.length} overflowY="hidden">
    {lines.map((of, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: a row of the screen is its place
      <Row key={index} of={of} theme={theme} />
    ))}
  </Box>
);
