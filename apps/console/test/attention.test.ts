// What needs attention is told, and why.

import { afterAll, beforeAll, it } from 'vitest';
import { Browser } from './support/browser.js';
import { ConsoleServer } from './support/console-server.js';
import { signedIn } from './support/page.js';
import { order } from './support/seed.mjs';

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.start();
});
afterAll(() => browser?.[Symbol.asyncDispose]());

it('a group whose worker is gone with its last events', async () => {
  await using server = await ConsoleServer.start();
  await server.publish('orders', [order(0), order(1)]);
  const group = { channel: 'orders', group: 'mailers' };
  await server.call('PUT', '/groups', { ...group, leaseMs: 1, maxDeliveries: 1 });
  await server.call('POST', '/groups/receive', { ...group, clientId: 'mailer-1', limit: 10, timeout: 0 });
  await using opened = await signedIn(browser, server);
  const { page } = opened;
  await page.getByText(/an event is out for .*, longer than all its deliveries take/).waitFor();
  await page.getByRole('link', { name: 'Group mailers of orders' }).click();
  await page.getByRole('row', { name: /mailer-1/ }).waitFor();
});

it('a group that stands still, and who has its events', async () => {
  await using server = await ConsoleServer.start();
  await server.publish('orders', [order(0), order(1), order(2)]);
  const group = { channel: 'orders', group: 'mailers' };
  await server.call('PUT', '/groups', { ...group, leaseMs: 3_600_000 });
  await server.call('POST', '/groups/receive', { ...group, clientId: 'mailer-1', limit: 2, timeout: 0 });
  await using opened = await signedIn(browser, server);
  await opened.page.getByText('Whether a group stands still shows within half a minute.').waitFor();
  await opened.page
    .getByText(/stands still: 1 event not handed out, and mailer-1 has 2, the oldest for/)
    .waitFor({ timeout: 60_000 });
});

it('a consumer that has lost events, also where it can be moved', async () => {
  await using server = await ConsoleServer.start();
  await server.publish(
    'orders',
    Array.from({ length: 10 }, (_, i) => order(i)),
  );
  await server.call('POST', '/cursors', { clientId: 'archiver', cursors: [{ channel: 'orders', after: 2 }] });
  await server.call('POST', '/channels/trim', { channel: 'orders', before: 6 });
  await using opened = await signedIn(browser, server);
  const { page } = opened;
  await page.getByRole('link', { name: 'Consumer archiver of orders' }).click();
  await page.getByRole('row', { name: /archiver 3 events dropped before it has read them/ }).waitFor();
  await page.getByRole('button', { name: 'Move …' }).waitFor();
});
