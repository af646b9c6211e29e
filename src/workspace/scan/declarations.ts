import { keyName, type SyntaxNode } from './syntax.ts';

/** What a name stands for where it is used. */
export type Binding = {
  readonly name: string;
  /** The identifier that declares it. */
  readonly node: SyntaxNode;
  readonly kind: 'variable' | 'parameter' | 'function' | 'class' | 'import' | 'loop' | 'catch';
  /** The block, function or file in which it is known. */
  readonly scope: SyntaxNode;
  /** What it is initialized with; for a parameter null; for a function or class its declaration. */
  readonly init: SyntaxNode | null;
  /** Properties taken from `init` by destructuring: `const { data: { user } } = x` gives data, user. `*`: an element. */
  readonly path: readonly string[];
  /** For a rest element: the keys that were taken out before it. */
  readonly without: readonly string[] | null;
  /** `= x` in a pattern or parameter. */
  readonly fallback: SyntaxNode | null;
  /** For a parameter: the function and the position. */
  readonly parameter: { readonly fn: SyntaxNode; readonly index: number } | null;
  /** For an import: the module and the name exported there (`default`, `*`). */
  readonly imported: { readonly module: string; readonly name: string } | null;
};

/** Gives every binding that a statement of a scope declares. */
export function declare(statement: SyntaxNode, scope: SyntaxNode, add: (binding: Binding) => void): void {
  switch (statement.kind) {
    case 'export_statement': {
      for (const child of statement.children) declare(child, scope, add);
      return;
    }
    case 'lexical_declaration':
    case 'variable_declaration': {
      for (const declarator of statement.children) {
        if (declarator.kind !== 'variable_declarator') continue;
        const pattern = declarator.child(0);
        if (pattern) bindPattern(pattern, { ...blank, kind: 'variable', scope, init: initializerOf(declarator) }, add);
      }
      return;
    }
    case 'function_declaration':
    case 'generator_function_declaration':
    case 'class_declaration':
    case 'abstract_class_declaration': {
      const name = statement.child(0);
      if (name) {
        const kind = statement.kind.includes('class') ? 'class' : 'function';
        add({ ...blank, name: name.text, node: name, kind, scope, init: statement });
      }
      return;
    }
    case 'import_statement': {
      const module = statement.childOfKind('string')?.text.slice(1, -1) ?? '';
      const clause = statement.childOfKind('import_clause');
      for (const part of clause?.children ?? []) {
        if (part.kind === 'identifier') add(importOf(part, module, 'default', scope));
        else if (part.kind === 'namespace_import') {
          const name = part.child(0);
          if (name) add(importOf(name, module, '*', scope));
        } else {
          for (const specifier of part.children) {
            const [exported, alias] = specifier.children;
            if (exported) add(importOf(alias ?? exported, module, exported.text, scope));
          }
        }
      }
      return;
    }
    default:
  }
}

function importOf(node: SyntaxNode, module: string, name: string, scope: SyntaxNode): Binding {
  return { ...blank, name: node.text, node, kind: 'import', scope, imported: { module, name } };
}

/** The initializer of a declarator, past its type. */
function initializerOf(declarator: SyntaxNode): SyntaxNode | null {
  const last = declarator.child(-1);
  return declarator.children.length > 1 && last && last.kind !== 'type_annotation' ? last : null;
}

type Seed = Omit<Binding, 'name' | 'node'>;
/** What a binding has none of, until its declaration says otherwise. */
export const blank = { init: null, path: [], without: null, fallback: null, parameter: null, imported: null };

/** Gives every binding of a pattern: of a declaration, a parameter, a loop or a `catch`. */
export function bindPattern(pattern: SyntaxNode, seed: Seed, add: (binding: Binding) => void): void {
  switch (pattern.kind) {
    case 'identifier':
    case 'shorthand_property_identifier_pattern':
      add({ ...seed, name: pattern.text, node: pattern });
      return;
    case 'object_pattern': {
      const taken: string[] = [];
      for (const part of pattern.children) {
        if (part.kind === 'shorthand_property_identifier_pattern') {
          taken.push(part.text);
          bindPattern(part, { ...seed, path: [...seed.path, part.text] }, add);
        } else if (part.kind === 'pair_pattern') {
          const [key, value] = part.children;
          const name = keyName(key ?? null) ?? '*';
          taken.push(name);
          if (value) bindPattern(value, { ...seed, path: [...seed.path, name] }, add);
        } else if (part.kind === 'object_assignment_pattern') {
          const [left, right] = part.children;
          if (!left) continue;
          taken.push(left.text);
          bindPattern(left, { ...seed, path: [...seed.path, left.text], fallback: right ?? null }, add);
        } else if (part.kind === 'rest_pattern') {
          const name = part.child(0);
          if (name) bindPattern(name, { ...seed, without: [...taken] }, add);
        }
      }
      return;
    }
    case 'array_pattern':
      pattern.children.forEach((part, index) => {
        bindPattern(part, { ...seed, path: [...seed.path, String(index)] }, add);
      });
      return;
    case 'assignment_pattern': {
      const [left, right] = pattern.children;
      if (left) bindPattern(left, { ...seed, fallback: right ?? null }, add);
      return;
    }
    case 'rest_pattern': {
      const name = pattern.child(0);
      if (name) bindPattern(name, { ...seed, path: [...seed.path, '*'] }, add);
      return;
    }
    default:
  }
}
