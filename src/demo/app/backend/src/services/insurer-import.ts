import type { InsurerLine } from '../types/rows';

/** Reads the insurer's file. `organization_id` is the insurer's own number for a customer. */
export function readInsurerFile(text: string): InsurerLine[] {
  const [, ...lines] = text.trim().split('\n');
  return lines.map((line) => {
    const [policy = '', organization = '0'] = line.split(';');
    return { policy, organization_id: Number(organization) };
  });
}
