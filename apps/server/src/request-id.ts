import { randomBytes } from 'node:crypto';

/** Tells the requests of this process from those of every other. */
const PROCESS = `${randomBytes(9).toString('base64url')}-`;
let count = 0;

/** The caller's own id, where it is fit for a header and a log; otherwise a new one, that no other request has. */
export function requestId(given?: string | string[]): string {
  if (typeof given === 'string' && /^[\w.:/+=-]{1,128}$/.test(given)) return given;
  // Half a kilobyte less than what `randomUUID` leaves, for as long as a poll waits.
  return PROCESS + (++count).toString(36);
}
