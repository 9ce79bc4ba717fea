// One consumer that reads a channel from its beginning, page after page.
import { Connection } from './connection.mjs';
import { read } from './requests.mjs';
import { unexpected } from './steady.mjs';

/**
 * Ends with the channel, or when the time is over.
 *
 * @param {{ port: number, dialect: import('./requests.mjs').Dialect, channel: string, count: number, limit: number, seconds: number }} options
 */
export async function replay({ port, dialect, channel, count, limit, seconds }) {
  /** @type {Error | undefined} */
  let failure;
  const connection = new Connection(port, (error) => {
    failure = error;
  });
  const since = performance.now();
  let after = 0;
  while (after < count && performance.now() - since < seconds * 1000) {
    const { status, head, body } = await connection.request(
      read(dialect, channel, 'replay', { after, limit }),
    );
    const last = idOfLast(body);
    if (status !== 200 || !(last > after)) throw unexpected(head, body);
    after = last;
  }
  const perSecond = (after * 1000) / (performance.now() - since);
  connection.close();
  if (failure) throw failure;
  return { perSecond, events: after };
}

/** Ids have no gap, and no field of our events is called so. @param {Buffer} body */
function idOfLast(body) {
  const at = body.lastIndexOf('"id":');
  return at < 0 ? 0 : Number.parseInt(body.toString('latin1', at + 5, at + 25), 10);
}
