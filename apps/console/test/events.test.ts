// The events of a channel, where something is in the way: small answers, large events, and servers, networks and stores that go away.

import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from './support/browser.js';
import { ConsoleServer } from './support/console-server.js';
import { eventually, goTo, ids, signedIn } from './support/page.js';
import { order } from './support/seed.mjs';

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.start();
});
afterAll(() => browser?.[Symbol.asyncDispose]());

const scroll = (page: Page, pixels: number) =>
  page.evaluate(`document.querySelector('.event-list .virtual-list').scrollTop += ${pixels}`);

const publishMany = async (server: ConsoleServer, channel: string, count: number) => {
  for (let i = 0; i < count; i += 500) {
    await server.publish(
      channel,
      Array.from({ length: Math.min(500, count - i) }, (_, k) => order(i + k)),
    );
  }
};

describe('none is left out', () => {
  it('where the server answers with fewer than were asked for', async () => {
    await using server = await ConsoleServer.start('embedded', { MAX_LIMIT: '30' });
    await publishMany(server, 'orders', 500);
    await using opened = await signedIn(browser, server, '/channels/orders?id=200');
    const { page } = opened;
    await page.getByRole('region', { name: 'Event 200' }).waitFor();
    const seen = new Set<number>();
    await eventually(async () => {
      for (const id of await ids(page)) seen.add(Number(id));
      await scroll(page, -300);
      return seen.has(500);
    }).toBe(true);
    expect(Array.from({ length: 301 }, (_, i) => 200 + i).filter((id) => !seen.has(id))).toEqual([]);
    expect(opened.errors).toEqual([]);
  });
});

it('holds few of them if they are large', async () => {
  await using server = await ConsoleServer.start();
  const text = 'x'.repeat(100_000);
  for (let i = 0; i < 40; i++) {
    await server.publish(
      'pictures',
      Array.from({ length: 10 }, (_, k) => ({
        from: 'camera',
        type: 'taken',
        data: { n: i * 10 + k, text },
      })),
    );
  }
  await using opened = await signedIn(browser, server, '/channels/pictures');
  const { page } = opened;
  await page.getByText('Live', { exact: true }).waitFor();
  await eventually(async () => {
    await scroll(page, 1e9);
    return (await ids(page)).at(-1);
  }).toBe('1');
  // 32 million characters.
  expect(await page.evaluate("document.querySelector('[role=listbox]').offsetHeight / 30")).toBeLessThan(325);
  expect(opened.errors).toEqual([]);
});

describe('whoever looks at events goes on seeing them', () => {
  it('while the server is started again', async () => {
    await using server = await ConsoleServer.start();
    await publishMany(server, 'orders', 1_000);
    await using opened = await signedIn(browser, server, '/channels/orders?id=500');
    const { page } = opened;
    await page.getByRole('region', { name: 'Event 500' }).waitFor();
    await page.getByRole('button', { name: 'Close the event' }).click();
    const before = await ids(page);
    expect(before).toContain('500');
    await server.stop('SIGKILL');
    await page.getByText('The server does not answer. Trying again …').waitFor();
    // An end that cannot be read now.
    await scroll(page, 1e9);
    const atEnd = (await ids(page)).at(-1);
    await server.start();
    await page.getByText('The server does not answer. Trying again …').waitFor({ state: 'detached' });
    // It is read by itself once it can be.
    await eventually(async () => Number((await ids(page)).at(-1))).toBeLessThan(Number(atEnd));
    expect(await ids(page)).not.toContain('1000');
    await eventually(async () => {
      await scroll(page, 1e9);
      return (await ids(page)).at(-1);
    }).toBe('1');
    await page.getByRole('button', { name: 'To the newest' }).click();
    await eventually(async () => (await ids(page))[0]).toBe('1000');
    await page.getByText('Live', { exact: true }).waitFor();
  });
});

it('what could not be read while the store was away is read once it is back', async () => {
  await using server = await ConsoleServer.start('redis');
  await server.publish('orders', [order(0)]);
  await using opened = await signedIn(browser, server);
  const { page } = opened;
  await page.getByRole('link', { name: 'orders', exact: true }).waitFor();
  const restore = await server.redis.backUp();
  await server.redis.kill();
  await page.getByText('takes no publishes').waitFor();
  await goTo(page, '/channels/orders');
  await page.locator('.problem').first().waitFor();
  await restore();
  await page.getByText('Live', { exact: true }).waitFor();
  expect(await ids(page)).toEqual(['1']);
  await eventually(() => page.locator('.problem').count()).toBe(0);
});

it('says so if the server stands still, and goes on by itself', async () => {
  await using server = await ConsoleServer.start();
  await server.publish('orders', [order(0)]);
  await using opened = await signedIn(browser, server, '/channels/orders');
  const { page } = opened;
  await page.getByText('Live', { exact: true }).waitFor();
  server.pause();
  try {
    await page.getByText('The server does not answer. Trying again …').waitFor();
  } finally {
    server.resume();
  }
  await page.getByText('Live', { exact: true }).waitFor();
  await server.publish('orders', [order(1)]);
  await eventually(() => ids(page)).toEqual(['2', '1']);
});

/** A way to the server on which its event streams are passed on by `pass`. */
async function proxyOfStreams(
  server: ConsoleServer,
  pass: (from: IncomingMessage, to: ServerResponse) => Promise<void>,
): Promise<AsyncDisposable & { readonly link: string; readonly requests: string[] }> {
  const requests: string[] = [];
  const proxy = createServer((request, response) => {
    const { method, headers, url = '' } = request;
    requests.push(url);
    const upstream = forward(`${server.url}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (!url.endsWith('/streams')) return answer.pipe(response);
      // It ends when the page does not want it any more.
      pass(answer, response).catch(() => {});
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    link: `${url}/console/#secret=${encodeURIComponent(server.secret)}`,
    requests,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      await once(proxy.close(), 'close');
    },
  };
}

/** Opens the channel, in which there is one event, and sees the second one come. */
async function follow(page: Page, server: ConsoleServer): Promise<void> {
  await page.getByRole('link', { name: 'orders', exact: true }).click();
  await page.getByText('Live', { exact: true }).waitFor();
  await server.publish('orders', [order(1)]);
  await eventually(() => ids(page)).toEqual(['2', '1']);
}

it('a page of events may take longer than the silence of a dead connection', async () => {
  await using server = await ConsoleServer.start();
  await server.publish('orders', [order(0)]);
  await using proxy = await proxyOfStreams(server, async (from, to) => {
    for await (const line of from) {
      const text = `${line}`;
      const step = text.includes('"events"') ? Math.ceil(text.length / 7) : text.length;
      for (let i = 0; i < text.length; i += step) {
        to.write(text.slice(i, i + step));
        if (step < text.length) await sleep(2_000);
      }
    }
  });
  await using opened = await browser.open(proxy.link);
  const { page } = opened;
  await follow(page, server);
  expect(proxy.requests.filter((url) => url.endsWith('/streams')).length).toBe(1);
});

it('what has waited on its way for long is passed over, and counted', async () => {
  await using server = await ConsoleServer.start();
  await server.publish('orders', [order(0)]);
  let isHeld = false;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using proxy = await proxyOfStreams(server, async (from, to) => {
    for await (const lines of from) {
      if (isHeld) await released;
      to.write(lines);
    }
  });
  await using opened = await browser.open(proxy.link);
  const { page } = opened;
  await follow(page, server);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('Paused').waitFor();
  isHeld = true;
  const start = Date.now();
  await publishMany(server, 'orders', 500);
  // Longer than it may wait.
  await sleep(start + 4_000 - Date.now());
  await server.publish('orders', [order(2)]);
  release();
  await page.getByText('Paused, 501 new').waitFor();
  expect(await ids(page)).toEqual(['2', '1']);
  await page.getByRole('button', { name: 'Show 501 new' }).click();
  await eventually(async () => (await ids(page))[0]).toBe('503');
  expect(proxy.requests.filter((url) => url.endsWith('/streams')).length).toBeGreaterThan(1);
});
