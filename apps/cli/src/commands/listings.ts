import { api } from '@ganomede/events-client';
import type { Context } from './context.js';

/** Names that are asked for at a time. */
const PAGE = 1_000;

export type ListedChannel = Awaited<ReturnType<typeof api.listChannels>>[number];
export type ListedConsumer = Awaited<ReturnType<typeof api.listConsumers>>[number];

/** Every channel whose name begins like this, sorted by name. */
export async function* allChannels(
  { server, signal }: Context,
  prefix?: string,
): AsyncGenerator<ListedChannel> {
  for (let after: string | undefined; ; ) {
    const page = await api.listChannels(server, { prefix, after, limit: PAGE, signal });
    yield* page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.channel;
  }
}

/** Every consumer of a channel and its types that is no group, sorted by name. */
export async function* allConsumers(
  { server, signal }: Context,
  channel: string,
): AsyncGenerator<ListedConsumer & { readonly clientId: string }> {
  for (let after: string | undefined; ; ) {
    const page = await api.listConsumers(server, { channel, after, limit: PAGE, signal });
    const last = page.findLast(({ clientId }) => clientId !== undefined)?.clientId;
    for (const consumer of page) {
      const { clientId } = consumer;
      if (clientId !== undefined) yield { ...consumer, clientId };
    }
    // The limit is one of names, of which a page has each with all of its types.
    if (new Set(page.map(({ clientId }) => clientId)).size < PAGE || last === undefined) return;
    after = last;
  }
}

/** This channel, or every one. */
export async function channelsOf(context: Context, channel: string | undefined): Promise<readonly string[]> {
  if (channel !== undefined) return [channel];
  const names: string[] = [];
  for await (const listed of allChannels(context)) names.push(listed.channel);
  return names;
}

/** The bounds of a channel; undefined if there is none of this name. */
export async function boundsOf(
  context: Context,
  channel: string,
): Promise<{ readonly firstId: number; readonly lastId: number } | undefined> {
  const { server, signal } = context;
  const [listed] = await api.listChannels(server, { prefix: channel, limit: 1, signal });
  if (listed?.channel !== channel) return undefined;
  return { firstId: listed.firstId ?? 0, lastId: listed.lastId ?? 0 };
}
