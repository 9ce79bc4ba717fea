import type { Event } from '@ganomede/events-protocol';
import { printable } from './printable.js';
import type { Terminal } from './terminal.js';
import { localTime } from './wording.js';

/** An event for people, in a line: id, time, sender, type, data. */
export function eventLine(event: Event, { colours }: Pick<Terminal, 'colours'>): string {
  const { id, timestamp, from, type, data, metadata, redacted } = event as Event & { redacted?: true };
  return [
    colours.bold(String(id)),
    colours.dim(localTime(timestamp)),
    printable(from),
    colours.cyan(printable(type)),
    ...(redacted ? [colours.dim('(redacted)')] : []),
    ...(data === undefined ? [] : [printable(JSON.stringify(data))]),
    ...(metadata === undefined ? [] : [colours.dim(printable(JSON.stringify(metadata)))]),
  ].join('  ');
}
