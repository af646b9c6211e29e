import { randomBytes } from 'node:crypto';
import type { Side } from './types.ts';

/** What every probe user's address and every text that it writes begins with. */
export const markerPrefix = 'voxanne-probe-';
/** The key in `user_metadata` that, together with the address, makes a user one of a probe. */
export const markerKey = 'voxanne_probe';
/** For POSIX regular expressions of the server and for JavaScript alike. */
export const markerPattern = 'voxanne-probe-[0-9a-f]{12}-[abcd]';

export const createNonce = (): string => randomBytes(6).toString('hex');

/** Who a probe user is: one of the two, the one that the admin API creates, or the one that the hook is asked for. */
export type Part = Side | 'c' | 'd';

export const markerOf = (nonce: string, part: Part): string => `${markerPrefix}${nonce}-${part}`;
