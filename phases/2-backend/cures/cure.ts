import type { Framework, Project } from '../../../src/workspace/project.ts';
import type { RuleContext } from '../../../src/workspace/scan/rule.ts';
import type { SyntaxNode } from '../../../src/workspace/scan/syntax.ts';
import type { TextEdit } from '../../../src/workspace/scan/types.ts';

/** A file of the app with its text, as a cure looks through it. */
export type AppFile = { readonly path: string; readonly text: string };

/** Where a cure works: one package, or the edge functions of Supabase, with the files of it. */
export type Ground = {
  /** Null for edge functions, which have no package. */
  readonly project: Project | null;
  readonly files: readonly AppFile[];
  /** Names of the packages that it depends on; empty for edge functions. */
  readonly dependencies: ReadonlySet<string>;
};

/** What the module of a cure is made of; null values are those of the app, found. */
export type Filling = {
  readonly values: Readonly<Record<string, string>>;
  readonly flags?: Readonly<Record<string, boolean>>;
};

/** How a place in a handler gets the validated organization. */
export type Way = {
  /** The first argument of the helper (`c`, `request`, `ctx`, `locals`); null where it finds the caller by itself. */
  readonly carrier: string | null;
  /** Whether the helper has to be awaited. */
  readonly awaited: boolean;
  /** Whether the handler is for signed-in callers already, so that nobody else is locked out. */
  readonly authenticated: boolean;
  /** What has to be put in besides: a middleware in front, a name in a pattern. */
  readonly edits: readonly TextEdit[];
  /** What those edits import from the module. */
  readonly imports: readonly string[];
  /** The own organization as an expression; without it the helper requireOrgId of the module. */
  readonly own?: string;
  /** What callers would meet, in words: `requireOrg in front of app.get('/calls')`. */
  readonly words: string;
};

/** A framework's own way to know the organization of whoever asks. One file each, in this folder. */
export type Cure = {
  readonly framework: Framework | 'edge-functions';
  readonly title: string;
  /** Whether a ground is of this framework: the dependency alone does not say that the app uses it. */
  readonly detect: (ground: Ground) => boolean;
  /** The module that step 2.1 writes, beside the one that asks for memberships. */
  readonly module: {
    readonly template: string;
    /** Without the ending. */
    readonly name: string;
    /** The folder, relative to the workspace; null: beside the app's services. */
    readonly folder?: (ground: Ground) => string;
    readonly exports: readonly string[];
    /** Whose client asks for memberships: the app's service client, the caller's own, or one of the edge runtime. */
    readonly client: 'service' | 'caller' | 'edge';
  };
  /** What of the app the module builds on; a sentence where that is not there, which a person then does. */
  readonly fill: (ground: Ground, specifier: (file: string) => string, file: string) => Filling | string;
  /** How a place in a handler is given the organization; null where its shape is not known. */
  readonly way: (node: SyntaxNode, context: RuleContext, ground: Ground) => Way | null;
  /** Where the module is put to work (step 2.2): the text of a file with it, or null where that is there already. */
  readonly mount?: (ground: Ground, specifier: (file: string) => string) => Mount | string | null;
  /** What a file says that is written in its terms; without it every file of the ground. */
  readonly speaks?: RegExp;
  /** What a person does where this cannot, in the terms of the framework. */
  readonly instruction: string;
};

/** An edit of step 2.2 outside of handlers. `before`: null where the file is new. */
export type Mount = { readonly file: string; readonly after: string; readonly title: string };
