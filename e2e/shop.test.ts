import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client } from '@ganomede/events-client';
import { freePort, Process, TemporaryFolder, until } from '@ganomede/events-testing';
import { expect, it } from 'vitest';
import { root } from '../scripts/workspace.mjs';

interface Order {
  readonly order: number;
}

const SECRET = 'the secret of the shop';

/** The data of all events of a channel, in their order. */
async function dataOf<T>(client: Client, channel: string): Promise<T[]> {
  return (await client.getLatestEvents(channel, 10_000)).map(({ data }) => data as T);
}

it('each order has one mail and one bill, whoever is killed; what cannot be billed is put aside, and billed later', {
  timeout: 120_000,
}, async () => {
  using folder = new TemporaryFolder();
  const port = String(await freePort());
  const env = { API_SECRET: SECRET, EVENTS_URL: `http://127.0.0.1:${port}` };
  await using shop = Process.node(join(root, 'examples/shop/start.mjs'), [], {
    env: { ...env, PORT: port, DATA_DIR: folder.path },
  });
  await using client = new Client('test', { url: env.EVENTS_URL, secret: SECRET, sendTimeoutMs: 30_000 });

  const says = (text: RegExp, from = 0) =>
    shop.until(() => shop.lines.slice(from).some((line) => text.test(line)));
  const kill = async (name: string) => {
    const started = new RegExp(`^${name}: started as process (\\d+)$`);
    const pid = shop.lines.flatMap((line) => started.exec(line)?.[1] ?? []).at(-1);
    const from = shop.lines.length;
    process.kill(Number(pid), 'SIGKILL');
    await says(started, from);
  };

  await says(/^mailer-\d: mail to/);
  for (const name of ['mailer-1', 'billing', 'mailer-2', 'orders', 'server', 'mailer-1', 'billing']) {
    const from = shop.lines.length;
    await kill(name);
    // Each of them works again before the next one is killed.
    await says(/^mailer-\d: mail to/, from);
    await says(/^billing: bill of/, from);
  }
  await says(/^billing: order \d+ is a dead letter$/);

  await using redrive = Process.node(join(root, 'examples/shop/redrive.mjs'), [], { env });
  expect(await redrive.exited()).toBe(0);
  expect(redrive.stdout).toMatch(/^order 3: there is no rate for XTS, after 3 deliveries$/m);

  const orders = (await dataOf<Order>(client, 'orders')).map(({ order }) => order);
  expect(orders).toEqual(orders.map((_, i) => i + 1));
  for (const channel of ['mails', 'bills']) {
    const done = async () => (await dataOf<Order>(client, channel)).map(({ order }) => order);
    // Later orders, of which there are always more, may be done before an earlier one.
    await until(`each order is in ${channel}`, async () => {
      const known = new Set(await done());
      return orders.every((order) => known.has(order));
    });
    const all = await done();
    expect(new Set(all).size, `${channel}, each once`).toBe(all.length);
  }
  expect(await shop.stop('SIGTERM')).toBe(0);
});

it.each<[string, RequestListener]>([
  ['answers nothing', () => {}],
  ['has another secret', (_request, response) => response.writeHead(401).end()],
])('where the port is taken by one that %s the shop says so, and ends', async (_name, listener) => {
  const other = createServer(listener).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const env = { API_SECRET: SECRET, PORT: String((other.address() as AddressInfo).port) };
  try {
    await using shop = Process.node(join(root, 'examples/shop/start.mjs'), [], { env });
    expect(await shop.exited()).toBe(1);
    expect(shop.stderr).toMatch(/^The server has ended before it was ready|is not our server \(401\)/m);
    expect(shop.stdout).not.toMatch(/^orders: started/m);
  } finally {
    other.closeAllConnections();
    other.close();
  }
});

it('the shop ends with all that it has started once nobody reads what it prints', async () => {
  using folder = new TemporaryFolder();
  const env = { API_SECRET: SECRET, PORT: String(await freePort()), DATA_DIR: folder.path };
  await using shop = Process.node(join(root, 'examples/shop/start.mjs'), [], { env });
  await shop.until(() => shop.lines.some((line) => line.startsWith('orders: order')));
  const started = shop.lines.flatMap((line) => /: started as process (\d+)$/.exec(line)?.[1] ?? []);
  expect(started).toHaveLength(6);
  shop.child.stdout?.destroy();
  expect(await shop.exited()).toBe(1);
  for (const pid of started) expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
});
