// Requests that wait.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from './connection.mjs';
import { publish, read, stream } from './requests.mjs';
import { unexpected } from './steady.mjs';

/** How many connections are opened at a time: servers have a short queue for them. */
const AT_ONCE = 100;

/** @param {number} port @param {number} count @param {(error: Error) => void} onError */
async function connections(port, count, onError) {
  /** @type {Connection[]} */
  const open = [];
  while (open.length < count) {
    const some = Array.from(
      { length: Math.min(AT_ONCE, count - open.length) },
      () => new Connection(port, onError),
    );
    await Promise.all(some.map((connection) => connection.opened()));
    open.push(...some);
  }
  return open;
}

/**
 * Polls wait on a channel, one event is published: the time from there until the last poll has it. Each
 * repetition has a new channel; the connections stay.
 *
 * @param {{ port: number, dialect: import('./requests.mjs').Dialect, polls: number, warmUp: number, repetitions: number, settleMs: number }} options
 */
export async function fanOut({ port, dialect, polls, warmUp, repetitions, settleMs }) {
  /** @type {(error: Error) => void} */
  let broken = () => {};
  const breaks = new Promise((_, reject) => {
    broken = reject;
  });
  breaks.catch(() => {});
  const open = await connections(port, polls, (error) => broken(error));
  const publisher = new Connection(port, (error) => broken(error));
  /** @type {number[]} */
  const times = [];
  for (let repetition = -warmUp; repetition < repetitions; repetition++) {
    const channel = `fan-out-${repetition}`;
    let received = 0;
    let published = false;
    const all = new Promise((resolve, reject) => {
      for (const [index, connection] of open.entries()) {
        connection.send(read(dialect, channel, `consumer-${index}`), ({ status, head, body }) => {
          if (!published || status !== 200 || !body.includes('measured')) reject(unexpected(head, body));
          if (++received === polls) resolve(performance.now());
        });
      }
    });
    all.catch(() => {});
    await Promise.race([sleep(settleMs), breaks, all]);
    published = true;
    const since = performance.now();
    publisher.send(publish(dialect, channel), () => {});
    const last = await Promise.race([all, breaks]);
    if (repetition >= 0) times.push(last - since);
    await sleep(20); // the publisher's own answer
  }
  for (const connection of [...open, publisher]) connection.close();
  return { times };
}

/**
 * Opens polls that nobody answers and keeps them until this process is ended.
 *
 * @param {{ port: number, polls: number, channels: number }} options
 * @param {(figures: object) => void} tell  once all of them wait
 */
export async function waitingPolls({ port, polls, channels }, tell) {
  /** @type {Error | undefined} */
  let failure;
  const open = await connections(port, polls, (error) => {
    failure ??= error;
  });
  for (const [index, connection] of open.entries()) {
    const request = read('ours', `waiting-${index % channels}`, `consumer-${index}`, { timeout: 600_000 });
    connection.send(request, ({ head, body }) => {
      failure ??= unexpected(head, body);
    });
    if (index % AT_ONCE === 0) await sleep(5);
  }
  await sleep(200);
  tell({ waiting: polls });
  for (;;) {
    await sleep(100);
    if (failure) throw failure;
  }
}

/**
 * Opens streams on which nothing comes but heartbeats and keeps them until this process is ended.
 *
 * @param {{ port: number, streams: number, each: number, channels: number }} options  each of so many channels
 * @param {(figures: object) => void} tell  once all of them have begun
 */
export async function waitingStreams({ port, streams, each, channels }, tell) {
  /** @type {Error | undefined} */
  let failure;
  for (let begun = 0; begun < streams; begun += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, streams - begun) }, (_, i) => begun + i);
    await Promise.all(
      some.map((index) => {
        const names = Array.from({ length: each }, (_, n) => `waiting-${(index * each + n) % channels}`);
        const socket = connect({ port, host: '127.0.0.1' });
        socket.write(stream(names, `consumer-${index}`));
        return new Promise((resolve) => {
          socket.once('data', (head) => {
            if (!head.toString('latin1').startsWith('HTTP/1.1 200')) failure ??= unexpected(`${head}`, head);
            resolve(undefined);
          });
          socket.on('data', () => {});
          socket.on('error', () => {});
          socket.on('close', () => {
            failure ??= new Error('The server has closed a stream');
            resolve(undefined);
          });
        });
      }),
    );
    if (failure) throw failure;
  }
  await sleep(200);
  tell({ waiting: streams });
  for (;;) {
    await sleep(100);
    if (failure) throw failure;
  }
}
