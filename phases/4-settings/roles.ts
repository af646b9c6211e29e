import type { Note } from '../../src/rollout/step.ts';
import { plural } from '../../src/rollout/text.ts';
import { type Code, sideOfFile, textOf } from '../code/code.ts';

/**
 * Places of the backend that let roles in by name and forget the one that sign-up gives: every new owner would be
 * refused there, which is what happened when the target's team introduced the role by hand.
 */
export async function ownersShutOut(code: Code): Promise<readonly Note[]> {
  const { workspace, facts } = code;
  const places: string[] = [];
  for (const { path, fileClass } of workspace.list.files) {
    if (fileClass !== 'source' || sideOfFile(workspace, path) !== 'backend') continue;
    const text = await textOf(workspace, path);
    for (const call of text?.matchAll(/\brequire(?:Any)?Roles?\(\s*\[?((?:\s*['"][\w-]+['"]\s*,?)+)\]?\s*\)/g) ?? []) {
      const roles = [...(call[1] ?? '').matchAll(/['"]([\w-]+)['"]/g)].map(([, role]) => role);
      if (roles.includes(facts.roles.owner)) continue;
      places.push(`${path}:${(text ?? '').slice(0, call.index).split('\n').length} lets in ${roles.join(', ')}`);
    }
  }
  if (places.length === 0) return [];
  return [
    {
      text: `${plural(places.length, 'place of the backend refuses', 'places of the backend refuse')} the role "${facts.roles.owner}", which is what sign-up gives to whoever makes an organization: add it where owners are meant.`,
      detail: places.join('\n'),
    },
  ];
}
