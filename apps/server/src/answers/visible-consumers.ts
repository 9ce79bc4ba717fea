import type { ConsumerState, EventStore } from '@ganomede/events-store';

/** The consumers of a range that may be seen: all of the first `limit` clientIds of which any may be, if there are so many. */
export async function visibleConsumers(
  store: Pick<EventStore, 'consumers'>,
  channel: string,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
  maySee: (consumer: ConsumerState) => boolean,
): Promise<ConsumerState[]> {
  const visible: ConsumerState[] = [];
  const clientIds = new Set<string>();
  let last = after;
  for (;;) {
    const page = await store.consumers(channel, { after: last, limit });
    for (const consumer of page.filter(maySee)) {
      if (clientIds.size === limit && !clientIds.has(consumer.clientId)) return visible;
      clientIds.add(consumer.clientId);
      visible.push(consumer);
    }
    const isLast = new Set(page.map(({ clientId }) => clientId)).size < limit;
    if (isLast || clientIds.size === limit) return visible;
    last = page.at(-1)?.clientId;
  }
}
