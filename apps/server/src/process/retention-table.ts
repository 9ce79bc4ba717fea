import type { ChannelRetention } from '@ganomede/events-store';
import { readDuration } from './duration.js';

/**
 * What `RETENTION` says, by channel pattern: `orders=30d, logs/*=1000 events 1h, audit=all`, entries separated by commas or
 * line ends. Undefined if it is no such text, or has a pattern twice.
 */
export function readRetentionTable(text: string): Record<string, ChannelRetention> | undefined {
  const { table, wrong } = readEntries(text);
  return wrong === undefined ? Object.fromEntries(table) : undefined;
}

/** The first entry of such a text that is none, or whose pattern stands before it too. */
export function wrongRetentionEntry(text: string): string | undefined {
  return readEntries(text).wrong;
}

/** The entries up to the first that is wrong. */
function readEntries(text: string): {
  readonly table: ReadonlyMap<string, ChannelRetention>;
  readonly wrong?: string;
} {
  const table = new Map<string, ChannelRetention>();
  for (const entry of text.split(/[,\n]/).map((one) => one.trim())) {
    if (entry === '') continue;
    // A channel may have an equals sign in its name.
    const end = entry.lastIndexOf('=');
    const pattern = entry.slice(0, Math.max(end, 0)).trim();
    const kept = readKept(entry.slice(end + 1).trim());
    if (!/^[^*]+\*?$|^\*$/.test(pattern) || kept === undefined || table.has(pattern))
      return { table, wrong: entry };
    table.set(pattern, kept);
  }
  return { table };
}

/** `all`, or an age, a number of events, or both, in any order. */
function readKept(text: string): ChannelRetention | undefined {
  if (text === 'all') return {};
  const count = /(?:^|\s)([1-9]\d{0,14}) events?(?=\s|$)/.exec(text);
  const age = (count ? text.replace(count[0], '') : text).trim();
  const maxAgeMs = age === '' ? undefined : readDuration(age);
  if (age === '' ? count === null : maxAgeMs === undefined) return undefined;
  return { maxAgeMs, maxEvents: count ? Number(count[1]) : undefined };
}
