import type { ClientBase } from 'pg';
import * as z from 'zod';
import type { GuardFinding } from '../../src/rollout/guard-finding.ts';
import { bucketsOf } from '../1-database/isolation/buckets.ts';
import { finding, type Since } from './changed.ts';

const keptSchema = z.object({ buckets: z.array(z.object({ id: z.string(), public: z.boolean() })) });

/** Buckets that anybody reads by address, and that nobody could when the rollout was made. */
export async function fromBuckets(
  client: ClientBase,
  look: unknown,
  publicBuckets: readonly { readonly id: string; readonly files: string }[],
  since: Since,
): Promise<readonly GuardFinding[]> {
  const kept = keptSchema.safeParse(look);
  const before = kept.success ? new Map(kept.data.buckets.map((one) => [one.id, one.public])) : null;
  const now = (await bucketsOf(client)) ?? [];
  return now.flatMap(({ id, public: open }) => {
    if (!open || before?.get(id) === true) return [];
    const files = publicBuckets.find((one) => one.id === id)?.files ?? '0';
    const wasPrivate = before?.get(id) === false;
    const whose = files === '0' ? '' : `, ${files} of which lie below the id of an organization`;
    return [
      finding(since, {
        kind: 'bucket',
        object: `storage.buckets.${id}`,
        key: `${wasPrivate} ${files !== '0'}`,
        reason: wasPrivate
          ? `Bucket ${id} was made public since the rollout: anybody reads its files by address${whose}, whatever the policies say.`
          : `Bucket ${id} is public${before === null ? '' : ' and was created since the rollout'}: anybody reads its files by address${whose}, whatever the policies say.`,
        instruction: `Make it private where that is not meant: update storage.buckets set public = false where id = '${id.replaceAll("'", "''")}';`,
        // A bucket for the pictures of a web page is made public on purpose, every day.
        level: wasPrivate || files !== '0' ? 'error' : 'note',
      }),
    ];
  });
}
