import type { ChannelState, EventStore } from '@ganomede/events-store';
import type { ChannelNames } from '../plugins/access.js';

/** Which channels are asked for. */
interface Range {
  readonly prefix?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

/** The channels of a range that are among these, sorted by the UTF-8 bytes of their names. Others are not read. */
export async function visibleChannels(
  store: Pick<EventStore, 'channels'>,
  names: readonly ChannelNames[],
  { prefix = '', after, limit }: Range,
): Promise<ChannelState[]> {
  const found: ChannelState[] = [];
  for (const { text, isPrefix } of distinct(names)) {
    if (found.length >= limit) break;
    if (isPrefix) {
      const both = text.startsWith(prefix) ? text : prefix;
      if (!both.startsWith(text)) continue;
      found.push(...(await store.channels({ prefix: both, after, limit: limit - found.length })));
    } else if (text.startsWith(prefix) && isAfter(text, after)) {
      // It is the first of those that begin like it.
      const [first] = await store.channels({ prefix: text, limit: 1 });
      if (first?.channel === text) found.push(first);
    }
  }
  return found;
}

/** Sorted, without those that are among others. */
function distinct(names: readonly ChannelNames[]): ChannelNames[] {
  const prefixes = names.filter(({ isPrefix }) => isPrefix);
  const needed = names.filter(
    (each, i) =>
      !names.slice(0, i).some(({ text, isPrefix }) => text === each.text && isPrefix === each.isPrefix) &&
      !prefixes.some(({ text }) => each.text.startsWith(text) && (!each.isPrefix || text !== each.text)),
  );
  return needed.sort((a, b) => compare(a.text, b.text));
}

function isAfter(name: string, after: string | undefined): boolean {
  return after === undefined || compare(name, after) > 0;
}

/** By their UTF-8 bytes. */
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
