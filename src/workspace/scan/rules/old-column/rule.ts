import { Columns, tableOfValue } from '../../columns.ts';
import type { Hit, Rule, RuleContext } from '../../rule.ts';
import type { SyntaxNode } from '../../syntax.ts';
import type { Rename } from '../../types.ts';
import { examplesThatFind, examplesToLeave } from './examples.ts';
import { named, rename } from './hits.ts';
import { localSqlHits } from './local-sql.ts';
import { prismaHits } from './prisma.ts';
import { inString } from './strings.ts';
import { tableOfObject, tableOfPattern, tableOfTypePlace } from './tables.ts';

/**
 * A column under the name that the database phase takes away, in every form that seven real apps write it (2,443 builder
 * filters, 1,361 property reads, 1,615 places in generated types, …). Only for the tables whose column is renamed: the
 * same word is also the key of other people's contracts (payment metadata, webhooks, request bodies), which must stay.
 */
export const oldColumn: Rule = {
  kind: 'old-column',
  readsText: true,
  seeds: (context) => columnsOf(context).pattern,
  *check(node, context) {
    const columns = columnsOf(context);
    if (columns.pattern === null) return;
    if (node.kind === 'sql') {
      yield* localSqlHits(node, columns);
      return;
    }
    if (node.kind === 'prisma') {
      yield* prismaHits(node, columns);
      return;
    }
    const place = node.kind === 'string_fragment' ? (node.parent ?? node) : node;
    switch (place.kind) {
      case 'string':
      case 'template_string':
        yield* inString(place, node, columns);
        return;
      case 'property_identifier':
        yield* inProperty(place, columns);
        return;
      case 'shorthand_property_identifier': {
        const table = tableOfObject(place.parent, columns);
        yield* named(place, place.text, table, columns, (to) => [
          { start: place.start, end: place.end, text: `${to}: ${place.text}` },
        ]);
        return;
      }
      case 'shorthand_property_identifier_pattern': {
        const table = tableOfPattern(place, columns);
        yield* named(place, place.text, table, columns, (to) => [
          { start: place.start, end: place.end, text: `${to}: ${place.text}` },
        ]);
        return;
      }
      default:
    }
  },
  examples: {
    finds: examplesThatFind(),
    leaves: examplesToLeave(),
  },
};

const known = new WeakMap<readonly Rename[], Columns>();

function columnsOf(context: RuleContext): Columns {
  let columns = known.get(context.renames);
  if (columns === undefined) {
    columns = new Columns(context.renames);
    known.set(context.renames, columns);
  }
  return columns;
}

function* inProperty(node: SyntaxNode, columns: Columns): Iterable<Hit> {
  const parent = node.parent;
  if (parent === null) return;
  switch (parent.kind) {
    case 'member_expression': {
      const object = parent.child(0);
      if (object) yield* named(parent, node.text, tableOfValue(object, columns), columns, rename(node));
      return;
    }
    case 'pair': {
      if (parent.child(0) !== node) return;
      yield* named(parent, node.text, tableOfObject(parent.parent, columns), columns, rename(node));
      return;
    }
    case 'pair_pattern':
      if (parent.child(0) === node)
        yield* named(parent, node.text, tableOfPattern(node, columns), columns, rename(node));
      return;
    case 'property_signature':
    case 'public_field_definition':
      yield* named(parent, node.text, tableOfTypePlace(parent, columns), columns, rename(node));
      return;
    default:
  }
}
