// Pages in a headless Chromium: the example that shows live events, and the description that the server serves.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Process, RestartableServer, TemporaryFolder } from '@ganomede/events-testing';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium } from '../scripts/chromium.mjs';
import { root } from '../scripts/workspace.mjs';

const SECRET = 'a secret of the end-to-end tests & more';

/** How long the page may take for a step, milliseconds: a browser on a busy machine. */
const PATIENCE_MS = 20_000;

/** A server with a store of its own, which it keeps when it is started again. */
class LocalServer implements AsyncDisposable {
  readonly #server: RestartableServer;
  readonly #folder: TemporaryFolder;

  private constructor(server: RestartableServer, folder: TemporaryFolder) {
    this.#server = server;
    this.#folder = folder;
  }

  static async start(env: Readonly<Record<string, string>> = { CORS_ORIGIN: '*' }): Promise<LocalServer> {
    const folder = new TemporaryFolder();
    const store = { EVENTS_STORE: 'embedded', DATA_DIR: join(folder.path, 'data') };
    return new LocalServer(await RestartableServer.start({ API_SECRET: SECRET, ...store, ...env }), folder);
  }

  get url(): string {
    return this.#server.url;
  }

  async start(): Promise<void> {
    await this.#server.start();
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#server.stop(signal);
  }

  /** Answers everything on the port with an error, as a proxy does whose server is away, until `work` has ended. */
  async replacedByErrors(work: () => Promise<void>): Promise<void> {
    const http = createServer((_request, response) => {
      response.writeHead(502, { 'Access-Control-Allow-Origin': '*' }).end('<h1>Bad gateway</h1>');
    });
    await once(http.listen(this.#server.port, '127.0.0.1'), 'listening');
    try {
      await work();
    } finally {
      http.closeAllConnections();
      await once(http.close(), 'close');
    }
  }

  async publish(channel: string, event: object): Promise<void> {
    const response = await fetch(`${this.url}/events/v1/events`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${SECRET}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ clientId: 'publisher', channel, from: 'a test', type: 'add', ...event }),
    });
    expect(response.status).toBe(200);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#folder.remove();
  }
}

let browser: BrowserContext;
let profile: TemporaryFolder;
let pages: Process;
let pageUrl: string;

beforeAll(async () => {
  const executablePath = await findChromium();
  if (executablePath === undefined)
    throw new Error('These tests need Chromium on the PATH: npm test tells more');
  profile = new TemporaryFolder();
  browser = await chromium.launchPersistentContext(profile.path, {
    executablePath,
    headless: true,
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
  browser.setDefaultTimeout(PATIENCE_MS);
  pages = new Process(process.execPath, [join(root, 'examples/browser/serve.mjs')], { env: { PORT: '0' } });
  await pages.until(() => pages.lines.length > 0);
  pageUrl = /http:\S+/.exec(pages.stdout)?.[0] ?? '';
});

afterAll(async () => {
  await browser?.close();
  await pages?.stop();
  profile?.remove();
});

/** A page that is closed after the test, with what it asked for and complained about. */
class Opened implements AsyncDisposable {
  readonly page: Page;
  readonly origins = new Set<string>();
  readonly errors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol !== 'data:') this.origins.add(origin);
    });
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
    page.on('pageerror', (error) => this.errors.push(String(error)));
  }

  static async at(url: string): Promise<Opened> {
    const opened = new Opened(await browser.newPage());
    await opened.page.goto(url);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.close();
  }
}

/** Fills in the form of the example and sends it. */
async function connect(
  page: Page,
  settings: { server: string; secret?: string; channels: string[]; start?: string },
): Promise<void> {
  await page.getByLabel('Server').fill(settings.server);
  await page.getByLabel('Secret').fill(settings.secret ?? SECRET);
  await page.getByLabel('Channels').fill(settings.channels.join('\n'));
  if (settings.start !== undefined) await page.getByLabel('Begin with').selectOption(settings.start);
  await page.getByRole('button', { name: 'Connect' }).click();
}

const state = (page: Page) => page.getByRole('status').textContent();
const texts = (page: Page, selector: string) => page.locator(`#events ${selector}`).allTextContents();

/** Waits until the state of the connection is as expected. */
const reaches = (page: Page, expected: RegExp) =>
  expect.poll(() => state(page), { timeout: PATIENCE_MS }).toMatch(expected);

describe('the page of live events', () => {
  it('shows events as they come, the newest first, everything in them as text', async () => {
    await using server = await LocalServer.start();
    await using opened = await Opened.at(pageUrl);
    const { page } = opened;
    await server.publish('demo', { data: { n: 1 } });
    await connect(page, { server: `${server.url}/`, channels: ['demo'] });
    await reaches(page, /^Connected: demo$/);
    const markup = '<img src="x" onerror="document.title=\'taken\'">';
    await server.publish('demo', { from: markup, type: markup, data: [markup] });

    await expect.poll(() => texts(page, '.id')).toEqual(['#2', '#1']);
    expect(await texts(page, '.type')).toEqual([markup, 'add']);
    expect(await texts(page, '.from')).toEqual([`from ${markup}`, 'from a test']);
    expect((await texts(page, '.data')).map((text) => JSON.parse(text))).toEqual([[markup], { n: 1 }]);
    expect(await page.locator('#events time').first().getAttribute('datetime')).toMatch(/^\d{4}-.*Z$/);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.title()).toBe('Live events');
    expect(opened.errors).toEqual([]);
    expect([...opened.origins].sort()).toEqual([pageUrl, server.url].sort());

    await page.getByRole('button', { name: 'Disconnect' }).click();
    await reaches(page, /^Disconnected$/);
    await page.getByRole('button', { name: 'Clear' }).click();
    expect(await texts(page, '.id')).toEqual([]);
  });

  it.each([
    ['the last 20 events', [6, 25]],
    ['what comes from now on', [26, 26]],
    ['the oldest event that is kept', [1, 25]],
  ] as [string, [number, number]][])('begins with %s', async (start, [first, last]) => {
    await using server = await LocalServer.start();
    await using opened = await Opened.at(pageUrl);
    const events = Array.from({ length: 25 }, () => ({ from: 'f', type: 't' }));
    await server.publish('demo', { events });
    await connect(opened.page, { server: server.url, channels: ['demo'], start });
    await reaches(opened.page, /^Connected/);
    if (last > events.length) await server.publish('demo', {});
    const expected = Array.from({ length: last - first + 1 }, (_, i) => `#${last - i}`);
    await expect.poll(() => texts(opened.page, '.id')).toEqual(expected);
  });

  it('shows several channels, and one type of a channel, whatever their names', async () => {
    await using server = await LocalServer.start();
    await using opened = await Opened.at(pageUrl);
    const channels = ['orders:paid', 'error', 'open', 'a & b, c'];
    await connect(opened.page, { server: server.url, channels });
    await reaches(opened.page, /^Connected: orders:paid, error, open, a & b, c$/);
    await server.publish('orders', { type: 'sent' });
    for (const channel of channels) await server.publish(channel, {});
    await expect
      .poll(async () => (await texts(opened.page, '.channel')).sort())
      .toEqual(channels.map((channel) => `in ${channel}`).sort());
    expect(await texts(opened.page, '.id')).toContain('#2');
    expect(await state(opened.page)).toMatch(/^Connected/);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'goes on by itself after a %s of the server, with nothing lost or repeated',
    async (signal) => {
      await using server = await LocalServer.start();
      await using opened = await Opened.at(pageUrl);
      await connect(opened.page, { server: server.url, channels: ['demo', 'other'] });
      await reaches(opened.page, /^Connected/);
      for (let i = 0; i < 3; i++) await server.publish('demo', {});
      await expect.poll(() => texts(opened.page, '.id')).toHaveLength(3);
      await server.publish('other', {});
      await expect.poll(() => texts(opened.page, '.id')).toHaveLength(4);

      await server.stop(signal);
      await reaches(opened.page, /^The connection broke\./);
      await server.start();
      for (let i = 0; i < 3; i++) await server.publish('demo', {});
      await expect
        .poll(() => texts(opened.page, '.id'), { timeout: PATIENCE_MS })
        .toEqual(['#6', '#5', '#4', '#1', '#3', '#2', '#1']);
      expect(await state(opened.page)).toMatch(/^Connected/);
    },
  );

  it('goes on after an answer with which the browser gives up', async () => {
    await using server = await LocalServer.start();
    await using opened = await Opened.at(pageUrl);
    await server.publish('demo', {});
    await server.publish('other', {});
    await connect(opened.page, { server: server.url, channels: ['demo', 'other'] });
    await expect.poll(() => texts(opened.page, '.id'), { timeout: PATIENCE_MS }).toHaveLength(2);

    await server.stop();
    await server.replacedByErrors(() => reaches(opened.page, /^status 502\. Trying again in \d+ s/));
    await server.start();
    await server.publish('demo', {});
    await expect
      .poll(() => texts(opened.page, '.id'), { timeout: PATIENCE_MS })
      .toEqual(['#2', expect.anything(), expect.anything()]);
    expect(await state(opened.page)).toMatch(/^Connected/);
  });

  it.each([
    ['a wrong secret', { CORS_ORIGIN: '*' }, 'wrong', /^Refused: Invalid credentials/],
    [
      'a server that takes no secret from a URL',
      { CORS_ORIGIN: '*', ALLOW_QUERY_SECRET: 'off' },
      SECRET,
      /^Refused: Invalid credentials \(or this server takes none from a URL\)$/,
    ],
    [
      'a server that lets no page in',
      {},
      SECRET,
      /lets no page of http:\S+ in \(CORS_ORIGIN\)\. Trying again/,
    ],
  ] as [string, Record<string, string>, string, RegExp][])(
    'says so: %s',
    async (_name, env, secret, text) => {
      await using server = await LocalServer.start(env);
      await using opened = await Opened.at(pageUrl);
      await connect(opened.page, { server: server.url, channels: ['demo'], secret });
      await reaches(opened.page, text);
      expect(await texts(opened.page, '.id')).toEqual([]);
    },
  );

  it('with a token in a cookie, which may read one channel', async () => {
    const TOKEN_SECRET = 'a secret of tokens that has at least 32 bytes';
    await using page = new Process(process.execPath, [join(root, 'examples/browser/serve.mjs')], {
      env: { PORT: '0', TOKEN_SECRET },
    });
    await page.until(() => page.lines.length > 0);
    const own = /http:\S+/.exec(page.stdout)?.[0] ?? '';
    await using server = await LocalServer.start({
      CORS_ORIGIN: own,
      ALLOW_QUERY_SECRET: 'off',
      TOKEN_SECRET,
    });
    // A cookie is one of its host name.
    const url = server.url.replace('127.0.0.1', 'localhost');
    await server.publish('demo', {});
    await using opened = await Opened.at(own);
    await connect(opened.page, { server: url, channels: ['demo'], secret: '' });
    await reaches(opened.page, /^Connected/);
    await server.publish('demo', {});
    await expect.poll(() => texts(opened.page, '.id'), { timeout: PATIENCE_MS }).toEqual(['#2', '#1']);

    await using other = await Opened.at(own);
    await connect(other.page, { server: url, channels: ['users'], secret: '' });
    await reaches(other.page, /^Refused: The token gives no right to read "users"/);
  });

  it.each([320, 375, 1280])('fits a screen of %i pixels', async (width) => {
    await using server = await LocalServer.start();
    await using opened = await Opened.at(pageUrl);
    const { page } = opened;
    await page.setViewportSize({ width, height: 800 });
    const overflow = () =>
      page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    expect(await overflow()).toBe(0);
    await server.publish('demo', { from: 'x'.repeat(300), data: { text: 'y'.repeat(300) } });
    await connect(page, { server: server.url, channels: ['demo'] });
    await expect.poll(() => texts(page, '.id'), { timeout: PATIENCE_MS }).toEqual(['#1']);
    expect(await overflow()).toBe(0);
  });
});

it('the description of the API can be read offline', async () => {
  await using server = await LocalServer.start({});
  await using opened = await Opened.at(`${server.url}/events/v1/docs`);
  const { page } = opened;
  await page.getByRole('heading', { name: 'Ganomede Events' }).waitFor();
  await page.getByText('Publish an event, or several').click();
  await page.getByText('answers as the first time and stores nothing').waitFor();
  expect(await page.locator('.opblock').count()).toBeGreaterThanOrEqual(12);
  // A request from the page: what its policy refuses would be an error.
  const about = page.locator('.opblock', { hasText: 'What the server is' });
  await about.getByText('What the server is').click();
  await about.getByRole('button', { name: 'Try it out' }).click();
  await about.getByRole('button', { name: 'Execute' }).click();
  await about.locator('.live-responses-table').waitFor();
  expect(opened.errors).toEqual([]);
  expect([...opened.origins]).toEqual([server.url]);
});
