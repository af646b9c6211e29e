import { randomBytes } from 'node:crypto';
import type { Side } from './types.ts';

/** What every probe user's address and every text that it writes begins with. */
export const markerPrefix = 'voxanne-probe-';
/** The key in `user_metadata` that, together with the address, makes a user one of a probe. */
export const markerKey = 'voxanne_probe';
/** For POSIX regular expressions of the server and for JavaScript alike. */
export const markerPattern = 'voxanne-probe-[0-9a-f]{12}-[abc]';

export const createNonce = (): string => randomBytes(6).toString('hex');

/** `c` is the user that the admin API creates. */
export const markerOf = (nonce: string, side: Side | 'c'): string => `${markerPrefix}${nonce}-${side}`;
