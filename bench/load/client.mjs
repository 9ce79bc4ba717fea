// Both ends of a client, each in a process of its own. The clock of `hrtime` is the same in all processes.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectTo } from './peers/index.mjs';

const nowMs = () => Number(process.hrtime.bigint() / 1000n) / 1000;

/** @param {number} channels */
const names = (channels) => Array.from({ length: channels }, (_, index) => `latency-${index}`);

/**
 * Listens to every channel, and answers with the time that each event took.
 *
 * @param {{ peer: import('./peers/index.mjs').PeerName, port: number, channels: number, concurrency?: number, warmUp: number, count: number, withinS: number }} options
 *   concurrency: works on the one channel instead
 * @param {(figures: object) => void} tell  when it listens
 */
export async function consume({ peer: name, port, channels, concurrency, warmUp, count, withinS }, tell) {
  const peer = await connectTo(name, port);
  const times = new Float64Array(count);
  let received = 0;
  /** @type {(error: unknown) => void} */
  let failed = () => {};
  /** @type {(value: unknown) => void} */
  let done = () => {};
  const all = new Promise((resolve, reject) => {
    done = resolve;
    failed = reject;
    setTimeout(
      () => reject(new Error(`Only ${received} of ${warmUp + count} events came`)),
      withinS * 1000,
    ).unref();
  });
  const receive = (/** @type {import('./peers/index.mjs').Event} */ { data }) => {
    if (received >= warmUp) times[received - warmUp] = nowMs() - Number(data.sentAt);
    if (++received === warmUp + count) done(undefined);
  };
  if (concurrency === undefined) await peer.listen(names(channels), receive, failed);
  else await peer.work?.(String(names(channels)[0]), concurrency, receive, failed);
  tell({ listening: channels });
  await all;
  await peer.close();
  times.sort();
  const at = (/** @type {number} */ part) => times[Math.min(Math.floor(count * part), count - 1)];
  return { p50: at(0.5), p99: at(0.99), max: times[count - 1] };
}

/**
 * Sends events at an even pace, whether the ones before are answered or not.
 *
 * @param {{ peer: import('./peers/index.mjs').PeerName, port: number, channels: number, perSecond: number, count: number }} options
 */
export async function produce({ peer: name, port, channels, perSecond, count }) {
  const peer = await connectTo(name, port);
  const list = names(channels);
  /** @type {Promise<unknown>[]} */
  const sent = [];
  const start = nowMs();
  while (sent.length < count) {
    const dueAt = start + (sent.length * 1000) / perSecond;
    const early = dueAt - nowMs();
    if (early > 0) await sleep(Math.max(early, 1));
    const data = { sentAt: nowMs(), text: 'x'.repeat(60) };
    sent.push(peer.send(String(list[sent.length % channels]), { from: 'bench', type: 'measured', data }));
  }
  await Promise.all(sent);
  await peer.close();
}
