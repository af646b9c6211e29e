import { isOrgIdName } from './names.ts';
import { type Binding, bindingOf, importedBy } from './scope.ts';
import { callOf, keyName, memberOf, type SyntaxNode, unwrap } from './syntax.ts';

/** A schema that another module declares. */
export type Elsewhere = { readonly module: string; readonly name: string };

/** More steps than a schema is made of others; a guard against cycles. */
const maxSteps = 8;

const objects = /^(?:object|strictObject|interface|type|Object|pgTable|mysqlTable|sqliteTable)$/;
const anything = /^(?:looseObject|looseInterface|passthrough|loose|catchall|record|any|unknown|custom|objectWithRest)$/;
/** Made of the columns of a table. */
const ofTable = /^create(?:Insert|Update|Select)Schema$/;
const added = /^(?:extend|safeExtend|augment|merge|and|concat|intersection|keys|append)$/;

/**
 * Whether what a schema of zod, valibot, yup, Joi, TypeBox or ArkType has read may hold the id of an organization: it
 * names one, or lets through what it does not name. Where another module declares it, that one; false where nothing says
 * so.
 */
export function letsOrgIn(schema: SyntaxNode | null, steps = 0): boolean | Elsewhere {
  if (schema === null || steps > maxSteps) return false;
  const node = unwrap(schema);
  if (node.kind === 'identifier') return ofBinding(bindingOf(node), steps);
  // `schema.parse`, `(body) => schema.parse(body)`
  const member = memberOf(node);
  if (member !== null && /^(?:safe)?parse(?:Async)?$/i.test(member.name)) return letsOrgIn(member.object, steps + 1);
  if (node.kind === 'arrow_function') {
    const call = callOf(unwrap(node.child(-1) ?? node));
    return call === null ? false : letsOrgIn(call.callee, steps + 1);
  }
  const call = callOf(node);
  if (call === null) return false;
  const made = memberOf(call.callee);
  const name = made?.name ?? call.callee.text;
  const first = call.args[0] ?? null;
  if (anything.test(name)) return true;
  if (ofTable.test(name)) return letsOrgIn(first, steps + 1);
  if (objects.test(name)) return call.args.some((argument) => keysOf(argument).some(isOrgIdName));
  if (name === 'pick') return keysOf(first).some(isOrgIdName) && (made ? letsOrgIn(made.object, steps + 1) : false);
  if (name === 'omit' && keysOf(first).some(isOrgIdName)) return false;
  if (added.test(name) && call.args.some((argument) => keysOf(argument).some(isOrgIdName))) return true;
  // `base.extend(…)`, `base.partial()`; `zod(schema)`, `z.array(schema)`, `v.pipe(schema, …)`
  const base = made !== null && isSchema(made.object) ? letsOrgIn(made.object, steps + 1) : false;
  return base === false ? letsOrgIn(first, steps + 1) : base;
}

/** `z`, `v` and `Joi` are libraries and no schemas. */
const isSchema = (object: SyntaxNode): boolean =>
  object.kind !== 'identifier' || !/^(?:z|v|zod|yup|Joi|joi|t|Type|s|vine)$/.test(object.text);

function ofBinding(binding: Binding | null, steps: number): boolean | Elsewhere {
  if (binding === null) return false;
  return importedBy(binding) ?? (binding.path.length > 0 ? false : letsOrgIn(binding.init, steps + 1));
}

function keysOf(node: SyntaxNode | null): readonly string[] {
  const inner = node === null ? null : unwrap(node);
  if (inner?.kind !== 'object') return [];
  return inner.children.flatMap((part) => {
    if (part.kind === 'pair') return keyName(part.child(0)) ?? [];
    return part.kind === 'shorthand_property_identifier' ? part.text : [];
  });
}
