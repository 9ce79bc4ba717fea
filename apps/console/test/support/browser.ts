import { createRequire } from 'node:module';
import { TemporaryFolder } from '@ganomede/events-testing';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { findChromium } from '../../../../scripts/chromium.mjs';

/** How long the page may take for a step, milliseconds: a browser on a busy machine. */
export const PATIENCE_MS = 30_000;

interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** A page, with what it asked for and complained about. */
export class Opened implements AsyncDisposable {
  readonly page: Page;
  readonly origins = new Set<string>();
  /** What it complained about, but for requests that failed or were refused. */
  readonly errors: string[] = [];
  /** Bytes that came over the network, by path. */
  readonly sizes = new Map<string, number>();

  constructor(page: Page) {
    this.page = page;
    page.on('request', (request) => this.origins.add(new URL(request.url()).origin));
    page.on('requestfinished', async (request) => {
      const { pathname } = new URL(request.url());
      const sizes = await request.sizes().catch(() => undefined);
      if (sizes !== undefined) this.sizes.set(pathname, sizes.responseBodySize);
    });
    page.on('console', (message) => {
      if (message.type() === 'error' && !/^Failed to load resource/.test(message.text())) {
        this.errors.push(message.text());
      }
    });
    page.on('pageerror', (error) => this.errors.push(error.stack ?? String(error)));
  }

  /** What axe-core finds wrong with the page as it is. */
  async accessibilityProblems(): Promise<string[]> {
    const { violations } = (await this.page.evaluate(
      "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })",
    )) as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
    );
  }

  /** How far the page is wider than the window, pixels. */
  async overflow(): Promise<number> {
    return (await this.page.evaluate(
      'document.documentElement.scrollWidth - document.documentElement.clientWidth',
    )) as number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
  }
}

/** A headless Chromium; each page has a context of its own. */
export class Browser implements AsyncDisposable {
  readonly #default: BrowserContext;
  readonly #profile: TemporaryFolder;

  private constructor(context: BrowserContext, profile: TemporaryFolder) {
    this.#default = context;
    this.#profile = profile;
  }

  static async start(): Promise<Browser> {
    const executablePath = await findChromium();
    if (executablePath === undefined)
      throw new Error('These tests need Chromium on the PATH: npm test tells more');
    const profile = new TemporaryFolder();
    const context = await chromium.launchPersistentContext(profile.path, {
      executablePath,
      headless: true,
      args: [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ],
    });
    return new Browser(context, profile);
  }

  async open(
    url: string,
    { width = 1280, height = 800, colorScheme = 'light' }: PageOptions = {},
  ): Promise<Opened> {
    const browser = this.#default.browser();
    if (browser === null) throw new Error('The browser has ended');
    const context = await browser.newContext({ viewport: { width, height }, colorScheme });
    context.setDefaultTimeout(PATIENCE_MS);
    // Not as an element of the page, which its Content-Security-Policy would refuse.
    await context.addInitScript({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') });
    const opened = new Opened(await context.newPage());
    await opened.page.goto(url);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#default.close();
    this.#profile.remove();
  }
}
