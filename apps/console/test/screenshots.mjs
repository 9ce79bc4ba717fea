// npm run screenshots [-- <folder>]: pictures of every view, light and dark, wide and narrow; those of the README go to docs/.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { RestartableServer, TemporaryFolder } from '@ganomede/events-testing';
import { chromium } from 'playwright-core';
import { findChromium } from '../../../scripts/chromium.mjs';
import { root } from '../../../scripts/workspace.mjs';
import { order, publish, seedShop } from './support/seed.mjs';

const VIEWS = {
  'sign-in': undefined,
  overview: '/',
  channels: '/channels',
  consumers: '/consumers',
  events: '/channels/orders',
  event: '/channels/orders?id=200',
  'channel-consumers': '/channels/orders/consumers',
  group: '/channels/orders/groups/mailers',
  manage: '/channels/orders/manage',
  send: '/channels/orders',
  move: '/channels/orders/consumers',
  redrive: '/channels/orders/groups/mailers',
  delete: '/channels/orders/manage',
};

/** What is clicked before the picture is taken. @type {Record<string, string>} */
const CLICKED = { send: 'Send an event', move: 'Move …', redrive: 'Redrive all 5 …', delete: 'Delete …' };

/** Those that the README shows. @type {Record<string, string>} */
const IN_README = { 'overview-light-wide': 'console-overview.png', 'event-light-wide': 'console-events.png' };

/** How long the traffic is watched before pictures are taken, milliseconds. */
const TRAFFIC_MS = Number(process.env.TRAFFIC_MS ?? 60_000);

const folder = process.argv[2];
const data = new TemporaryFolder();
const secret = 'screenshots';
const server = await RestartableServer.start({
  API_SECRET: secret,
  EVENTS_STORE: 'embedded',
  DATA_DIR: join(data.path, 'data'),
});
const target = { url: server.url, secret };
const executablePath = await findChromium();
if (executablePath === undefined) throw new Error('Chromium is not on the PATH');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  await seedShop(target);
  if (folder !== undefined) mkdirSync(folder, { recursive: true });
  let sent = 240;
  const traffic = setInterval(() => {
    const events = Array.from({ length: 2 + (sent % 7) }, () => order(sent++));
    publish(target, 'orders', events).catch(() => {});
  }, 400);
  const sets = [];
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    for (const [name, viewport] of Object.entries({
      wide: { width: 1280, height: 800 },
      narrow: { width: 390, height: 844 },
    })) {
      const context = await browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce' });
      const page = await context.newPage();
      await page.goto(`${server.url}/console/#secret=${secret}`);
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
      sets.push({ name: `${colorScheme}-${name}`, context, page });
    }
  }
  await new Promise((resolve) => setTimeout(resolve, TRAFFIC_MS));
  for (const { name, context, page } of sets) {
    await page.bringToFront();
    for (const [view, place] of Object.entries(VIEWS)) {
      const picture = `${view}-${name}`;
      const file = IN_README[picture];
      if (folder === undefined && file === undefined) continue;
      if (place === undefined) {
        const other = await context.newPage();
        await other.goto(`${server.url}/console/`);
        await other.getByLabel('Secret or token').waitFor();
        await other.screenshot({ path: join(folder ?? '', `${picture}.png`) });
        await other.close();
        continue;
      }
      await page.evaluate(`location.hash = ${JSON.stringify(`#${place}`)}`);
      await page.waitForTimeout(1_500);
      const clicked = CLICKED[view];
      if (clicked !== undefined) await page.getByRole('button', { name: clicked }).first().click();
      if (clicked !== undefined) await page.waitForTimeout(500);
      const path = folder === undefined ? join(root, 'docs', file ?? '') : join(folder, `${picture}.png`);
      await page.screenshot({ path });
      if (clicked !== undefined) await page.keyboard.press('Escape');
    }
  }
  clearInterval(traffic);
} finally {
  await browser.close();
  await server.stop('SIGKILL');
  data.remove();
}
