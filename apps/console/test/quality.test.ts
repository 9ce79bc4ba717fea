// What can be checked of every view without an eye: accessibility, contrast, width, size, and that nothing jumps about.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from './support/browser.js';
import { ConsoleServer } from './support/console-server.js';

const MOST_BYTES = 150 * 1024;

/** Places of the page, and a text by which it is known that they are there. */
const PLACES: [place: string, text: string][] = [
  ['/', 'Group mailers of orders'],
  ['/channels', 'users/signed-up'],
  ['/consumers', 'reporting'],
  ['/channels/orders', 'Live'],
  ['/channels/orders?id=100', 'Event 100'],
  ['/channels/orders/consumers', 'reporting'],
  ['/channels/orders/groups/mailers', '550 5.1.1 no such mailbox'],
  ['/channels/orders/manage', 'Drop old events'],
];

let browser: Browser;
let server: ConsoleServer;
beforeAll(async () => {
  browser = await Browser.start();
  server = await ConsoleServer.start();
  await server.seed();
});
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

async function at(place: string, text: string, options: Parameters<Browser['open']>[1]) {
  const opened = await browser.open(server.link, options);
  await opened.page.getByRole('button', { name: 'Sign out' }).waitFor();
  await opened.page.evaluate(`location.hash = ${JSON.stringify(`#${place}`)}`);
  await opened.page
    .getByText(text, { exact: text === 'Live' })
    .first()
    .waitFor();
  return opened;
}

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  it.each(PLACES)('%s can be used by everybody', async (place, text) => {
    await using opened = await at(place, text, { colorScheme });
    expect(await opened.accessibilityProblems()).toEqual([]);
    expect(opened.errors).toEqual([]);
  });

  it('so can the page to sign in, and a dialog', async () => {
    await using signIn = await browser.open(`${server.url}/console/`, { colorScheme });
    await signIn.page.getByLabel('Secret or token').waitFor();
    expect(await signIn.accessibilityProblems()).toEqual([]);
    await using opened = await at('/channels/orders', 'Live', { colorScheme });
    await opened.page.getByRole('button', { name: 'Send an event' }).click();
    await opened.page.getByRole('dialog').waitFor();
    expect(await opened.accessibilityProblems()).toEqual([]);
  });
});

describe.each([320, 390, 1280])('on a screen of %i pixels', (width) => {
  it.each(PLACES)('%s fits', async (place, text) => {
    await using opened = await at(place, text, { width });
    expect(await opened.overflow()).toBe(0);
  });
});

it('is small, and comes from the server alone', async () => {
  await using opened = await at('/', 'Group mailers of orders', {});
  const files = [...opened.sizes].filter(([path]) => path.startsWith('/console/'));
  expect(files.length).toBeGreaterThanOrEqual(3);
  expect(files.reduce((sum, [, size]) => sum + size, 0)).toBeLessThan(MOST_BYTES);
  expect([...opened.origins]).toEqual([server.url]);
});

it('does not jump about while it loads', async () => {
  await using opened = await at('/', 'Group mailers of orders', {});
  const shift = await opened.page.evaluate(`new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => resolve(sum), 500);
  })`);
  expect(shift).toBeLessThan(0.1);
});
