import { SmallDisk } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';
import { startProcess } from './support/process.js';
import { json, SECRET } from './support/server.js';

const MIB = 1024 * 1024;

it('a server on a full disk refuses publishes, answers reads, and goes on once there is room', {
  timeout: 60_000,
}, async ({ skip }) => {
  const disk = SmallDisk.mount(32 * MIB);
  if (typeof disk === 'string') return skip(disk);
  onTestFinished(() => disk[Symbol.dispose]());
  disk.fill(8 * MIB);
  const env = { API_SECRET: SECRET, DISK_RESERVE_BYTES: String(2 * MIB) };
  const server = startProcess(['--port', '0', '--data-dir', disk.path], env);
  const url = await server.listening();
  let published = 0;
  const publish = () => {
    const data = { padding: 'x'.repeat(100_000) };
    return fetch(
      `${url}/events/v1/events`,
      json({ clientId: 'p', secret: SECRET, channel: 'full', from: 'f', type: 't', data }),
    );
  };
  let refused: Response | undefined;
  while (refused === undefined) {
    for (const response of await Promise.all(Array.from({ length: 16 }, publish))) {
      if (response.status === 200) published++;
      else refused = response;
    }
  }
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).not.toBeNull();
  expect(await refused.json()).toMatchObject({ code: 'ServiceUnavailable' });
  // Clients are not told of folders; the log is.
  expect(server.stdout).toMatch(
    new RegExp(`${disk.path}: its disk is nearly full, 2048 KiB .* \\d+ KiB free`),
  );

  const read = (after: number) =>
    fetch(
      `${url}/events/v1/events?clientId=c&channel=full&limit=1&timeout=0&after=${after}&secret=${encodeURIComponent(SECRET)}`,
    );
  // Its cursor is saved.
  expect(await (await read(published - 1)).json()).toMatchObject([{ id: published }]);
  disk.free();
  await expect.poll(async () => (await publish()).status).toBe(200);
  expect(await (await read(published)).json()).toMatchObject([{ id: published + 1 }]);
});
