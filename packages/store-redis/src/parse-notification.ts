import type { TailEvent } from '@ganomede/events-store';

/**
 * What the scripts publish about a channel (see the top of `append.lua`, `trim-channel.lua`, `delete-channel.lua`,
 * `redact-events.lua` and `group-book.lua`).
 */
export interface Notification {
  /** Oldest id kept; above the last id if nothing is. */
  readonly firstId: number;
  /** Whether something else has changed: events were appended, or redacted. */
  readonly appended: boolean;
  /** The epoch of those; empty if none were. */
  readonly epoch: string;
  /** The events that were appended, if they are small. */
  readonly events: readonly TailEvent[];
  /** The group that it is about, and nothing else, as it stands in keys. */
  readonly released: string | undefined;
}

const NEWLINE = 0x0a;

export function parseNotification(message: Buffer): Notification {
  const lines = splitLines(message);
  const [first = '0', given, , epoch = ''] = lines[0]?.toString('latin1').split(' ') ?? [];
  const firstGiven = Number(given ?? 0);
  const events: TailEvent[] = [];
  for (let i = 1; i + 1 < lines.length; i += 2) {
    const [type, json] = [lines[i], lines[i + 1]];
    if (type && json) events.push({ id: firstGiven + events.length, type: type.toString(), json });
  }
  if (first === 'released') return { firstId: 0, appended: false, epoch, events, released: given };
  return { firstId: Number(first), appended: given !== undefined, epoch, events, released: undefined };
}

function splitLines(message: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (;;) {
    const end = message.indexOf(NEWLINE, start);
    if (end === -1) return [...lines, message.subarray(start)];
    lines.push(message.subarray(start, end));
    start = end + 1;
  }
}
