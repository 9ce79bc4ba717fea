import { readFile } from 'node:fs/promises';
import { Process } from '@ganomede/events-testing';
import { expect, it } from 'vitest';
import { Server } from './support/server.js';

/** Times differ from run to run; all else is as printed. */
const settle = (text: string) =>
  text
    .replaceAll(/"(timestamp|lastTimestamp|\w+At|behindMs|oldestPendingMs)":\d+/g, '"$1":0')
    .replaceAll(/"token":"[^"]+"/g, '"token":"t"')
    .replaceAll(/"ganomedetime":"[^"]+"/g, '"ganomedetime":"t"')
    .replaceAll(/"epoch":"[^"]+"/g, '"epoch":"1"')
    .replaceAll(/\n+/g, '\n')
    .trim();

/** The blocks of a page in order: commands, and what they print. */
function blocksOf(page: string): { language: string; text: string }[] {
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }));
}

it('the curl sessions of API.md print what the page says', async () => {
  await using server = await Server.start();
  const { API_SECRET, EVENTS_URL } = server.env;
  const page = await readFile(new URL('../API.md', import.meta.url), 'utf8');
  const blocks = blocksOf(
    page.replaceAll('Bearer secret', `Bearer ${API_SECRET}`).replaceAll('http://localhost:8000', EVENTS_URL),
  );
  let exports = '';
  let sessions = 0;
  for (const [i, { language, text }] of blocks.entries()) {
    if (language !== 'sh') continue;
    if (text.startsWith('export')) {
      exports += text;
      continue;
    }
    // What curl prints does not end its line; the event stream is cut off on purpose, with an exit code.
    const script = text.replaceAll('\n', '; echo\n');
    const session = new Process('bash', ['-c', exports + script]);
    await session.exited();
    // All of a page's differences are shown, not the first one alone.
    expect.soft(settle(session.stdout), text).toBe(settle(blocks[i + 1]?.text ?? ''));
    sessions++;
  }
  expect(sessions).toBeGreaterThan(10);
}, 60_000);
