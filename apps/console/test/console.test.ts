// The console in a headless Chromium, against the built server on a real store.

import { once } from 'node:events';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from './support/browser.js';
import { ConsoleServer } from './support/console-server.js';
import { eventually, goTo, ids, rows, signedIn } from './support/page.js';
import { order } from './support/seed.mjs';

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.start();
});
afterAll(() => browser?.[Symbol.asyncDispose]());

describe('signing in', () => {
  it('takes the secret, keeps it for the tab, and forgets it', async () => {
    await using server = await ConsoleServer.start();
    await using opened = await browser.open(server.url);
    const { page } = opened;
    await page.getByLabel('Secret or token').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The server does not accept this secret.').waitFor();
    await page.getByLabel('Secret or token').fill(server.secret);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Traffic' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Secret or token').waitFor();
    expect(await page.evaluate('sessionStorage.length + localStorage.length')).toBe(0);
    expect(opened.errors).toEqual([]);
    expect([...opened.origins]).toEqual([server.url]);
  });

  it('by a link leaves no secret in the address or the history', async () => {
    await using server = await ConsoleServer.start();
    await using opened = await browser.open(server.link);
    await opened.page.getByRole('heading', { name: 'Traffic' }).waitFor();
    expect(opened.page.url()).toBe(`${server.url}/console/`);
    expect(await opened.page.evaluate('history.length')).toBeLessThanOrEqual(2);
  });
});

describe.each(['embedded', 'redis'] as const)('on the %s store', (kind) => {
  it('a stuck group is found, and what it gave up is handed out again', async () => {
    await using server = await ConsoleServer.start(kind);
    await server.seed();
    await using opened = await signedIn(browser, server);
    const { page } = opened;
    await page.getByRole('link', { name: 'Group mailers of orders' }).click();
    await page.getByText('550 5.1.1 no such mailbox').first().waitFor();
    expect(await page.getByText('2 deliveries').count()).toBe(0);
    await page.locator('.letter summary').first().click();
    await page
      .getByText(/: rejected at mailer-1 after .*: (550|connect|the template)/)
      .first()
      .waitFor();

    await page.getByRole('button', { name: 'Redrive …' }).first().click();
    await page.getByRole('dialog').getByRole('button', { name: 'Redrive 1 dead letter' }).click();
    await page.getByText('1 event will be handed out again to the workers of mailers.').waitFor();
    await page.getByRole('button', { name: 'Redrive all 4 …' }).waitFor();

    await page.getByLabel('Choose event').nth(0).check();
    await page.getByLabel('Choose event').nth(1).check();
    await page.getByRole('button', { name: 'Redrive 2 …' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Redrive 2 dead letters' }).click();
    await page.getByRole('button', { name: 'Redrive all 2 …' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Redrive 2 dead letters' }).click();
    await page.getByText('None waiting').waitFor();
    const [group] = (await server.call('GET', '/groups?channel=orders')) as { deadLetters: number }[];
    expect(group?.deadLetters).toBe(0);
    expect(opened.errors).toEqual([]);
  });

  it('events are shown as they come, the newest first', async () => {
    await using server = await ConsoleServer.start(kind);
    await server.publish('orders', [order(0), order(1)]);
    await using opened = await signedIn(browser, server, '/channels/orders');
    const { page } = opened;
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await ids(page)).toEqual(['2', '1']);
    await server.publish('orders', [{ from: '<b>me</b>', type: 'new', data: { text: '<img src=x>' } }]);
    await eventually(() => ids(page)).toEqual(['3', '2', '1']);
    await rows(page).first().click();
    await page.getByRole('region', { name: 'Event 3' }).getByText('"<img src=x>"').waitFor();
    expect(await page.locator('img').count()).toBe(0);
    expect(opened.errors).toEqual([]);
  });
});

describe('a channel', () => {
  it('is read back to its first event, holding few rows, and goes on where it was left', async () => {
    await using server = await ConsoleServer.start();
    for (let i = 0; i < 3; i++)
      await server.publish(
        'long',
        Array.from({ length: 1_000 }, (_, k) => order(k)),
      );
    await using opened = await signedIn(browser, server, '/channels/long');
    const { page } = opened;
    await page.getByText('Live', { exact: true }).waitFor();
    await eventually(async () => {
      await page.evaluate("document.querySelector('.event-list .virtual-list').scrollTop = 1e9");
      return (await ids(page)).at(-1);
    }).toBe('1');
    expect((await ids(page)).length).toBeLessThan(80);
    const before = await ids(page);
    await server.publish('long', [order(1), order(2)]);
    await page.getByText('Paused, 2 new').waitFor();
    expect(await ids(page)).toEqual(before);
    await page.getByRole('button', { name: 'Show 2 new' }).click();
    await eventually(async () => (await ids(page))[0]).toBe('3002');
    await page.getByText('Live', { exact: true }).waitFor();
    expect(opened.errors).toEqual([]);
  });

  it('is found at an id, at a time, by type and by an index', async () => {
    await using server = await ConsoleServer.start();
    await server.seed();
    await using opened = await signedIn(browser, server, '/channels/orders');
    const { page } = opened;
    await page.getByLabel('Id or time').fill('100');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Event 100' }).waitFor();
    expect(await rows(page).locator('.id', { hasText: /^100$/ }).isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Close the event' }).click();
    // What is around it can be looked at, on a phone too, where an event covers the list.
    expect(await rows(page).locator('.id', { hasText: /^100$/ }).isVisible()).toBe(true);
    await page.getByLabel('Id or time').press('Enter');
    await page.getByRole('region', { name: 'Event 100' }).waitFor();
    await page.getByRole('button', { name: 'To the newest' }).click();
    await eventually(async () => (await ids(page))[0]).toBe('240');

    await page.getByLabel('Id or time').fill('241');
    await page.keyboard.press('Enter');
    await page.getByText('There is no event 241 yet: the newest is 240.').waitFor();

    await page.getByLabel('Id or time').fill('2026-01-01 00:00');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'Event 1', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Close the event' }).click();

    await page.getByLabel('Type').fill('sent');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'orders:sent' }).waitFor();
    await eventually(() => ids(page).then((all) => all.slice(0, 3))).toEqual(['240', '236', '232']);
    await page.getByRole('link', { name: 'Show all' }).click();

    await page.getByLabel('Value of the index').fill('1003');
    await page.keyboard.press('Enter');
    await eventually(() => ids(page)).toEqual(['16', '15', '14', '13']);
    expect(opened.errors).toEqual([]);
  });

  it('can be walked by keys', async () => {
    await using server = await ConsoleServer.start();
    await server.seed();
    await using opened = await signedIn(browser, server, '/channels/orders');
    const { page } = opened;
    await page.getByRole('listbox').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.getByRole('region', { name: 'Event 239' }).waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    await page.getByRole('region', { name: 'Event 240' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByText('Live', { exact: true }).waitFor();
  });

  it('is sent to by a form that starts from its last event', async () => {
    await using server = await ConsoleServer.start();
    await server.publish('orders', [{ from: 'shop', type: 'paid', data: { order: 1 } }]);
    await using opened = await signedIn(browser, server, '/channels/orders');
    const { page } = opened;
    await page.getByRole('button', { name: 'Send an event' }).click();
    await eventually(() => page.getByLabel('Data', { exact: true }).inputValue()).toBe('{\n  "order": 1\n}');
    await page.getByLabel('Data', { exact: true }).fill('{"order": 2');
    await page.getByText('Expected an object or an array').waitFor();
    expect(await page.getByRole('button', { name: 'Send', exact: true }).isDisabled()).toBe(true);
    await page.getByLabel('Data', { exact: true }).fill('{"order": 2}');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await eventually(() => ids(page)).toEqual(['2', '1']);
    expect(await server.call('GET', '/latest?channel=orders&limit=1')).toMatchObject([
      { type: 'paid', data: { order: 2 } },
    ]);
  });

  it('loses an event’s data, old events, and all of itself only if that is typed', async () => {
    await using server = await ConsoleServer.start();
    await server.seed();
    await using opened = await signedIn(browser, server, '/channels/orders');
    const { page } = opened;
    const confirm = async (text: string, button: string) => {
      const action = page.getByRole('dialog').getByRole('button', { name: button });
      expect(await action.isDisabled()).toBe(true);
      await page.getByRole('dialog').getByLabel(/^Type/).fill(text);
      await action.click();
    };
    await rows(page).first().click();
    await page.getByRole('button', { name: 'Redact …' }).click();
    await confirm('240', 'Redact event 240');
    await page.getByText('What it held was redacted.').waitFor();
    expect(await server.call('GET', '/latest?channel=orders&limit=1')).toMatchObject([
      { id: 240, redacted: true },
    ]);

    await goTo(page, '/channels/orders/manage');
    await page.getByLabel('Those before').fill('101');
    await page.getByRole('button', { name: 'Drop …' }).click();
    await confirm('orders', 'Drop 100 events');
    await page.getByText('orders begins with event 101 now.').waitFor();

    await page.getByRole('button', { name: 'Delete …' }).click();
    await confirm('orders', 'Delete the channel');
    await page.getByRole('heading', { name: 'Channels' }).waitFor();
    expect(await server.call('GET', '/channels?prefix=orders')).toMatchObject([
      { channel: 'orders.dead-letters' },
    ]);
    expect(opened.errors).toEqual([]);
  });
});

describe('consumers', () => {
  it('are moved with the consequence spelled out', async () => {
    await using server = await ConsoleServer.start();
    await server.seed();
    await using opened = await signedIn(browser, server, '/consumers');
    const { page } = opened;
    const row = page.getByRole('row', { name: /reporting/ });
    await row.getByRole('link', { name: 'orders' }).click();
    await row.getByRole('button', { name: 'Move …' }).click();
    const field = page.getByLabel('It has seen everything up to id');
    await field.fill('100');
    await page.getByText('Back: it gets 20 events again (101 to 120)').waitFor();
    await page.getByLabel('A time').fill('noon');
    await page.getByLabel('A time').press('Enter');
    await page.getByText('Expected a time such as 16:00').waitFor();
    await page.getByLabel('A time').fill('2026-01-01 00:00');
    await page.getByLabel('A time').press('Enter');
    await page.getByText('Back: it gets 120 events again (1 to 120)').waitFor();
    await field.fill('140');
    await page.getByText('Forward: 20 events will be skipped (121 to 140)').waitFor();
    await page.getByRole('button', { name: 'Move the cursor' }).click();
    await page.getByText('The cursor of reporting is at 140.').waitFor();
    const consumers = (await server.call('GET', '/consumers?channel=orders')) as {
      clientId: string;
      after: number;
    }[];
    expect(consumers.find(({ clientId }) => clientId === 'reporting')?.after).toBe(140);
  });
});

describe('it stays quick', () => {
  it('with ten thousand channels', async () => {
    await using server = await ConsoleServer.start();
    for (let i = 0; i < 10; i++) {
      const appends = Array.from({ length: 1_000 }, (_, k) => ({
        channel: `tenant/${String(i * 1_000 + k).padStart(5, '0')}`,
        events: [{ from: 'f', type: 't' }],
      }));
      await server.call('POST', '/appends', { clientId: 'c', appends });
    }
    await using opened = await signedIn(browser, server, '/channels');
    const { page } = opened;
    await page.getByText('10,000 channels').waitFor();
    expect(await page.getByRole('listitem').count()).toBeLessThan(80);
    await page.getByLabel('Find a channel').fill('0777');
    await page.getByText('10 channels').or(page.getByText('11 channels')).waitFor();
    await page.getByLabel('Find a channel').fill('/07777');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'tenant/07777' }).waitFor();
    expect(opened.errors).toEqual([]);
  });

  it('with thousands of events a second on the channel that is watched, bounded in memory', async () => {
    await using server = await ConsoleServer.start();
    await server.publish('busy', [order(0)]);
    await using opened = await signedIn(browser, server, '/channels/busy');
    const { page } = opened;
    await page.getByText('Live', { exact: true }).waitFor();
    for (let i = 0; i < 20; i++)
      await server.publish(
        'busy',
        Array.from({ length: 500 }, (_, k) => order(k)),
      );
    await eventually(async () => (await ids(page))[0]).toBe('10001');
    expect(
      await page.evaluate("document.querySelector('[role=listbox]').offsetHeight / 30"),
    ).toBeLessThanOrEqual(1_000);
    expect((await ids(page)).length).toBeLessThan(80);
    expect(opened.errors).toEqual([]);
  });
});

it.each(['SIGTERM', 'SIGKILL'] as const)(
  'says so if the server goes away by %s, and goes on by itself',
  async (signal) => {
    await using server = await ConsoleServer.start();
    await server.publish('orders', [order(0)]);
    await using opened = await signedIn(browser, server, '/channels/orders');
    const { page } = opened;
    await page.getByText('Live', { exact: true }).waitFor();
    await server.stop(signal);
    await page.getByText('The server does not answer. Trying again …').waitFor();
    await server.start();
    await page.getByText('Live', { exact: true }).waitFor();
    await server.publish('orders', [order(1)]);
    await eventually(() => ids(page)).toEqual(['2', '1']);
    expect(await page.getByText('The server does not answer').count()).toBe(0);
  },
);

it('works under whatever path a proxy serves it', async () => {
  await using server = await ConsoleServer.start();
  await server.publish('orders', [order(0)]);
  const proxy = createServer((request, response) => {
    const path = request.url?.replace(/^\/team\/events/, '');
    const { method, headers } = request;
    const upstream = forward(`${server.url}${path}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    request.pipe(upstream);
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  try {
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/team/events/`;
    await using opened = await browser.open(url);
    await opened.page.getByLabel('Secret or token').fill(server.secret);
    await opened.page.keyboard.press('Enter');
    await opened.page.getByRole('link', { name: 'orders', exact: true }).click();
    await opened.page.getByText('Live', { exact: true }).waitFor();
    expect(opened.page.url()).toBe(`${url}console/#/channels/orders`);
    expect(opened.errors).toEqual([]);
  } finally {
    proxy.closeAllConnections();
    await once(proxy.close(), 'close');
  }
});
