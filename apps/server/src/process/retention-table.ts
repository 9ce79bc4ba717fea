import type { ChannelRetention } from '@ganomede/events-store';
import { readDuration } from './duration.js';

/**
 * What `RETENTION` says, by channel pattern: `orders=30d, logs/*=1000 events 1h, audit=all`, entries separated by commas or
 * line ends. Undefined if it is no such text, or has a pattern twice.
 */
export function readRetentionTable(text: string): Record<string, ChannelRetention> | undefined {
  const table = new Map<string, ChannelRetention>();
  for (const entry of text.split(/[,\n]/)) {
    if (entry.trim() === '') continue;
    // A channel may have an equals sign in its name.
    const end = entry.lastIndexOf('=');
    const pattern = entry.slice(0, Math.max(end, 0)).trim();
    const kept = readKept(entry.slice(end + 1).trim());
    if (!/^[^*]+\*?$|^\*$/.test(pattern) || kept === undefined || table.has(pattern)) return undefined;
    table.set(pattern, kept);
  }
  return Object.fromEntries(table);
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
