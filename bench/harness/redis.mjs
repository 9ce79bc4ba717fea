// A Redis of our own.
import { once } from 'node:events';
import { connect } from 'node:net';
import { RedisServer } from '@ganomede/events-testing';
import { ensureRedis } from '../../scripts/redis.mjs';

/**
 * Redis with an append-only file that is synced every second. The file is not rewritten while it is measured.
 *
 * @param {string[]} options  as on the command line of redis-server
 */
export async function startRedis(...options) {
  await ensureRedis();
  const server = await RedisServer.start(
    ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', '0'],
    ...options,
  );
  const { port, pid } = server;
  return {
    port,
    pid,
    /** @param {string[]} command */
    command: (...command) => pipe(port, [command]),
    /** @param {Iterable<(string | number)[]>} commands */
    pipe: (commands) => pipe(port, commands),
    /** Bytes that its data takes. */
    usedMemory: async () =>
      Number(/^used_memory:(\d+)/m.exec(await pipe(port, [['INFO', 'memory']], /used_memory_human/))?.[1]),
    stop: () => server.stop(),
  };
}

/** @typedef {Awaited<ReturnType<typeof startRedis>>} MeasuredRedis */

/**
 * Sends commands whose replies are one line each, and waits for all replies; or for what `until` matches.
 *
 * @param {number} port @param {Iterable<(string | number)[]>} commands @param {RegExp} [until]
 * @returns {Promise<string>} the last part of the replies
 */
async function pipe(port, commands, until) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  let replies = 0;
  let text = '';
  let wake = () => {};
  socket.on('data', (/** @type {Buffer} */ data) => {
    text = until ? text + data.toString('latin1') : data.toString('latin1');
    for (let i = data.indexOf(10); i >= 0; i = data.indexOf(10, i + 1)) replies++;
    if (/^-/m.test(text)) socket.destroy(new Error(`Redis: ${text}`));
    wake();
  });
  const closed = once(socket, 'close'); // rejects with the error
  closed.catch(() => {});
  try {
    let sent = 0;
    let chunk = '';
    for (const command of commands) {
      chunk += `*${command.length}\r\n`;
      for (const part of command) chunk += `$${Buffer.byteLength(String(part))}\r\n${part}\r\n`;
      sent++;
      if (chunk.length < 256 * 1024) continue;
      if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), closed]);
      chunk = '';
    }
    socket.write(chunk);
    while (until ? !until.test(text) : replies < sent) {
      await Promise.race([new Promise((resolve) => (wake = () => resolve(undefined))), closed]);
    }
    return text;
  } finally {
    socket.destroy();
  }
}
