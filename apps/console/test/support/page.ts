import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { type Browser, type Opened, PATIENCE_MS } from './browser.js';
import type { ConsoleServer } from './console-server.js';

/** Goes to a place of the page, such as `/channels/orders`. */
export const goTo = (page: Page, place: string) =>
  page.evaluate(`location.hash = ${JSON.stringify(`#${place}`)}`);

export const rows = (page: Page) => page.getByRole('listbox').getByRole('option');
export const ids = (page: Page) => rows(page).locator('.id').allTextContents();
export const eventually = (read: () => unknown) => expect.poll(read, { timeout: PATIENCE_MS });

/** Signed in with the secret, at a place. */
export async function signedIn(
  browser: Browser,
  server: ConsoleServer,
  place = '/',
  options: Parameters<Browser['open']>[1] = {},
): Promise<Opened> {
  const opened = await browser.open(server.link, options);
  await opened.page.getByRole('button', { name: 'Sign out' }).waitFor();
  await goTo(opened.page, place);
  return opened;
}
