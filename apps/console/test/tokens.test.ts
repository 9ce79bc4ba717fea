// What a token may do is offered, and nothing else.

import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Browser } from './support/browser.js';
import { ConsoleServer } from './support/console-server.js';
import { goTo, ids } from './support/page.js';
import { order } from './support/seed.mjs';

const TOKEN_SECRET = 'a secret by which tokens of the tests are signed';

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.start();
});
afterAll(() => browser?.[Symbol.asyncDispose]());

async function startServer(): Promise<ConsoleServer> {
  const server = await ConsoleServer.start('embedded', { TOKEN_SECRET });
  await server.seed();
  await server.publish('orders/eu', [order(0)]);
  return server;
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function tokenFor(...grants: object[]): string {
  const claims = {
    iss: 'ganomede-events',
    aud: 'ganomede-events',
    exp: Math.floor(Date.now() / 1_000) + 3_600,
    authorization_details: grants.map((grant) => ({ type: 'ganomede-events', ...grant })),
  };
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', TOKEN_SECRET).update(signed).digest('base64url')}`;
}

async function signedInWith(server: ConsoleServer, token: string) {
  const opened = await browser.open(`${server.url}/console/`);
  const refused: string[] = [];
  opened.page.on('response', (response) => {
    if (response.status() === 403 && !response.url().endsWith('/channels?limit=1'))
      refused.push(response.url());
  });
  // The field has the focus.
  await opened.page.getByLabel('Secret or token').waitFor();
  await opened.page.keyboard.insertText(token);
  await opened.page.keyboard.press('Enter');
  await opened.page.getByRole('button', { name: 'Sign out' }).waitFor();
  return { opened, page: opened.page, refused };
}

it('one that may only read finds its channels, and is asked nothing that would be refused', async () => {
  await using server = await startServer();
  const { opened, page, refused } = await signedInWith(
    server,
    tokenFor({ actions: ['read'], channels: ['orders/*', 'carts'] }),
  );
  await using _ = opened;
  await page.getByRole('link', { name: 'carts' }).waitFor();
  await page.getByLabel('Name of a channel').fill('users/signed-up');
  expect(await page.getByRole('button', { name: 'Open' }).isDisabled()).toBe(true);
  await page.getByLabel('Name of a channel').fill('orders/eu');
  await page.keyboard.press('Enter');
  await page.getByText('Live', { exact: true }).waitFor();
  expect(await ids(page)).toEqual(['1']);
  expect(await page.getByRole('navigation').getByRole('link').allTextContents()).toEqual([
    'Overview',
    'Channels',
    'Events',
  ]);
  expect(await page.getByRole('button', { name: 'Send an event' }).count()).toBe(0);
  await goTo(page, '/channels');
  await page.getByRole('heading', { name: 'Channels of your token' }).waitFor();
  expect(await opened.accessibilityProblems()).toEqual([]);
  expect(refused).toEqual([]);
});

it('one that is bound to a consumer moves that one alone, and reads as somebody it may be', async () => {
  await using server = await startServer();
  const { opened, page, refused } = await signedInWith(
    server,
    tokenFor(
      { actions: ['read'], channels: ['orders'], clientIds: ['report*'] },
      { actions: ['observe'], channels: ['orders'] },
    ),
  );
  await using _ = opened;
  await page.getByRole('link', { name: 'orders', exact: true }).click();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Consumers & groups' }).click();
  await page
    .getByRole('row', { name: /reporting/ })
    .getByRole('button', { name: 'Move …' })
    .waitFor();
  expect(await page.getByRole('button', { name: 'Move …' }).count()).toBe(1);
  expect(refused).toEqual([]);
});
