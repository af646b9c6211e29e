import { createHash } from 'node:crypto';

/** SHA-256 in hexadecimal: the name under which a content is kept and compared. */
export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');
