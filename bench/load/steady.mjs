// Connections that each send the next request as soon as the last one is answered.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOfGroup } from '../harness/process-figures.mjs';
import { Connection } from './connection.mjs';
import { publish, requestsOf } from './requests.mjs';

/** @typedef {import('./requests.mjs').Plan} Plan */

/**
 * @param {object} options
 * @param {number} options.port
 * @param {number} options.connections
 * @param {number} options.warmUpS
 * @param {number} options.seconds
 * @param {Plan} options.plan
 * @param {number} [options.pid]  process whose processor time is told, with all that it has started
 * @param {number} [options.bytes]  what every answer has to have at least
 */
export async function steady({ port, connections, warmUpS, seconds, plan, pid, bytes = 1 }) {
  const next = requestsOf(plan);
  let answered = 0;
  /** @type {Error | undefined} */
  let failure;
  const open = Array.from({ length: connections }, (_, index) => {
    const connection = new Connection(port, (error) => {
      failure ??= error;
    });
    const onAnswer = (/** @type {import('./connection.mjs').Answer} */ { status, body, head }) => {
      if (status >= 300 || body.length < bytes) failure ??= unexpected(head, body);
      if (failure) return;
      answered++;
      connection.send(next(index), onAnswer);
    };
    connection.send(next(index), onAnswer);
    return connection;
  });
  await sleep(warmUpS * 1000);
  const before = answered;
  const busy = pid === undefined ? 0 : cpuSecondsOfGroup(pid);
  const since = performance.now();
  await sleep(seconds * 1000);
  const perSecond = ((answered - before) * 1000) / (performance.now() - since);
  const cpuS = pid === undefined ? 0 : cpuSecondsOfGroup(pid) - busy;
  for (const connection of open) connection.close();
  if (failure) throw failure;
  if (answered === before) throw new Error('No request was answered');
  return { perSecond, cpuUs: (cpuS * 1e6) / (answered - before) };
}

/**
 * Publishes `count` events to each channel, in batches where the dialect has them.
 *
 * @param {object} options
 * @param {number} options.port
 * @param {import('./requests.mjs').Dialect} [options.dialect]
 * @param {string} options.channel
 * @param {number} [options.channels]  `<channel>0`, `<channel>1`, …; not given: the one
 * @param {number} options.count  a multiple of the batch, or less than it
 * @param {number} [options.batch]
 */
export async function fill({ port, dialect = 'ours', channel, channels, count, batch = 1000 }) {
  const size = dialect === 'ours' ? Math.min(count, batch) : 1;
  const single = dialect === 'ours' ? size : undefined;
  const total = Math.ceil(count / size) * (channels ?? 1);
  let sent = 0;
  await Promise.all(
    Array.from({ length: Math.min(total, channels === undefined ? 4 : 64) }, async () => {
      let broken = (/** @type {Error} */ _error) => {};
      const breaks = new Promise((_, reject) => {
        broken = reject;
      });
      const connection = new Connection(port, (error) => broken(error));
      while (sent < total) {
        const name = channels === undefined ? channel : `${channel}${sent % channels}`;
        sent++;
        const answer = await Promise.race([connection.request(publish(dialect, name, single)), breaks]);
        if (answer.status !== 200) throw unexpected(answer.head, answer.body);
      }
      connection.close();
    }),
  );
}

/** @param {string} head @param {Buffer} body */
export const unexpected = (head, body) =>
  new Error(`Unexpected answer: ${head.split('\r\n', 1)[0]} ${body.toString('utf8', 0, 300)}`);
