import { declarationIn } from './scope.ts';
import type { Source } from './syntax.ts';

/** `app.use('/calls', requireUser, callsRouter)`: where it is mounted, and the module that the router comes from. */
export type Mount = {
  /** Null: none is given, and it is asked for every request. */
  readonly path: string | null;
  /** Null: it is made in this file. */
  readonly module: string | null;
};

export const mountsIn = ({ text, root }: Source): readonly Mount[] =>
  [...text.matchAll(/\.\s*use\s*\(\s*(?:['"`]([^'"`]+)['"`]\s*,[^;]*?)?([A-Za-z_$][\w$]*)\s*,?\s*\)/g)].map(
    ([, path, router = '']) => ({
      path: path ?? null,
      module: declarationIn(root, router)?.imported?.module ?? null,
    }),
  );
