import { declaredBy, referencesOf } from './scope.ts';
import { type SyntaxNode, wrapped } from './syntax.ts';

/** The uses of an object by the name that it is kept in. */
export function objectUses(name: SyntaxNode): readonly SyntaxNode[] {
  const binding = declaredBy(name);
  return binding === null ? [] : referencesOf(binding).map(wrapped);
}

/** The arguments that an object is: itself, or the name that it is kept in, wherever that is given to a function. */
export function argumentsThatAre(object: SyntaxNode): readonly SyntaxNode[] {
  const own = wrapped(object);
  const name = own.parent?.kind === 'variable_declarator' ? own.parent.child(0) : null;
  return name?.kind === 'identifier' ? objectUses(name).filter((use) => use.parent?.kind === 'arguments') : [own];
}
