import { randomBytes } from 'node:crypto';

/**
 * Makes the ids of requests: the caller's own, where it is fit for a header and a log, otherwise a new one that is
 * made nowhere else.
 */
export function requestIds(): (given?: string | string[]) => string {
  const prefix = `${randomBytes(9).toString('base64url')}-`;
  let count = 0;
  return (given) => {
    if (typeof given === 'string' && /^[\w.:/+=-]{1,128}$/.test(given)) return given;
    // Half a kilobyte less than what `randomUUID` leaves, for as long as a poll waits.
    return prefix + (++count).toString(36);
  };
}
