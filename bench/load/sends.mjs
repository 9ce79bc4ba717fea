// Events through a client, so many at a time: who has an answer sends the next one.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOfGroup } from '../harness/process-figures.mjs';
import { connectTo } from './peers/index.mjs';
import { event } from './requests.mjs';

/**
 * @typedef {object} Through
 * @property {import('./peers/index.mjs').PeerName} peer
 * @property {number} port
 * @property {number[]} pids  processes of the server
 */

/** @param {Through & { atATime: number, batch?: number, warmUpS: number, seconds: number }} options */
export async function sends({ peer: name, port, pids, atATime, batch, warmUpS, seconds }) {
  const peer = await connectTo(name, port);
  let sent = 0;
  const send = async () => {
    if (batch === undefined) await peer.send('sends', event());
    else await peer.sendBatch('sends', Array.from({ length: batch }, event));
    sent += batch ?? 1;
  };
  const sending = keepSending(atATime, send);
  const figures = await measured({ count: () => sent, pids, warmUpS, seconds, failure: sending.all });
  await sending.stop();
  await peer.close();
  return figures;
}

/** One client that listens to all channels and sends to each in turn; counts what it receives. @param {Through & { channels: number, atATime: number, warmUpS: number, seconds: number }} options */
export async function manyChannels({ peer: name, port, pids, channels, atATime, warmUpS, seconds }) {
  const peer = await connectTo(name, port);
  const names = Array.from({ length: channels }, (_, index) => `many-${index}`);
  let received = 0;
  let sent = 0;
  /** @type {(error: unknown) => void} */
  let failed = () => {};
  const failing = new Promise((_, reject) => {
    failed = reject;
  });
  failing.catch(() => {});
  await peer.listen(names, () => received++, failed);
  const sending = keepSending(atATime, () => peer.send(String(names[sent++ % channels]), event()));
  const failure = Promise.race([failing, sending.all]);
  const figures = await measured({ count: () => received, pids, warmUpS, seconds, failure });
  const sockets = process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
  await sending.stop();
  return { ...figures, sockets };
}

/** Fills a channel, a batch at a time. @param {Through & { channel: string, count: number, batch: number }} options */
export async function fillThrough({ peer: name, port, channel, count, batch }) {
  const peer = await connectTo(name, port);
  for (let sent = 0; sent < count; sent += batch) {
    await peer.sendBatch(channel, Array.from({ length: batch }, event));
  }
  await peer.close();
}

/** Receives a channel from its first event on. @param {Through & { channel: string, count: number }} options */
export async function replayThrough({ peer: name, port, pids, channel, count }) {
  const peer = await connectTo(name, port);
  let received = 0;
  const rate = rateOf(() => received, pids);
  await new Promise((resolve, reject) => {
    const receive = () => ++received === count && resolve(undefined);
    peer.listen([channel], receive, reject).catch(reject);
  });
  const figures = rate();
  await peer.close();
  return figures;
}

/**
 * Works on a channel that was filled before, with a handler that does nothing.
 *
 * @param {Through & { channel: string, concurrency: number, warmUpS: number, seconds: number }} options
 * @param {(figures: object) => void} tell  when it is connected
 * @param {Promise<void>} go  that it may begin, as all who share the work are connected
 */
export async function work({ peer: name, port, pids, channel, concurrency, warmUpS, seconds }, tell, go) {
  const peer = await connectTo(name, port);
  let received = 0;
  tell({ connected: channel });
  await go;
  const failure = new Promise((_, reject) => {
    peer.work?.(channel, concurrency, () => received++, reject).catch(reject);
    setTimeout(() => reject(new Error(`Too few events were left, after ${received}`)), 120_000).unref();
  });
  failure.catch(() => {});
  const figures = await measured({ count: () => received, pids, warmUpS, seconds, failure });
  const result = { ...figures, received };
  await peer.close();
  return result;
}

/** @param {number} atATime @param {() => Promise<unknown>} send */
function keepSending(atATime, send) {
  let stopped = false;
  const all = Promise.all(
    Array.from({ length: atATime }, async () => {
      while (!stopped) await send();
    }),
  );
  all.catch(() => {});
  return {
    all,
    stop: () => {
      stopped = true;
      return all;
    },
  };
}

/**
 * Events per second, and what each takes of the client and of the server.
 *
 * @param {object} options
 * @param {() => number} options.count
 * @param {number[]} options.pids
 * @param {number} options.warmUpS
 * @param {number} options.seconds
 * @param {Promise<unknown>} options.failure  rejects if it fails
 */
async function measured({ count, pids, warmUpS, seconds, failure }) {
  // A short run on a busy machine may begin before anything has come.
  do await Promise.race([sleep(warmUpS * 1000), failure]);
  while (count() === 0);
  const [rate, before] = [rateOf(count, pids), count()];
  do await Promise.race([sleep(seconds * 1000), failure]);
  while (count() === before);
  return rate();
}

/** From now until what is returned is called. @param {() => number} count @param {number[]} pids */
function rateOf(count, pids) {
  const serverS = () => pids.reduce((sum, pid) => sum + cpuSecondsOfGroup(pid), 0);
  const [before, since, client, server] = [count(), performance.now(), process.cpuUsage(), serverS()];
  return () => {
    const events = count() - before;
    const { user, system } = process.cpuUsage(client);
    return {
      perSecond: (events * 1000) / (performance.now() - since),
      clientUs: (user + system) / events,
      serverUs: ((serverS() - server) * 1e6) / events,
    };
  };
}
