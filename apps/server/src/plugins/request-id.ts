import { randomBytes } from 'node:crypto';

/**
 * Makes the ids of requests: the caller's own if it is fit for a header and a log, otherwise a new one that is made
 * nowhere else.
 */
export function requestIds(): (given?: string | string[]) => string {
  const run = randomBytes(9).toString('base64url');
  let count = 0;
  return (given) => {
    if (typeof given === 'string' && /^[\w.:/+=-]{1,128}$/.test(given)) return given;
    // `randomUUID` makes a text of many pieces, which takes 430 bytes more for as long as a poll waits (a twentieth).
    return `${run}-${(++count).toString(36)}`;
  };
}
