import { EventsError } from '@ganomede/events-protocol';
import type { EventStore } from '@ganomede/events-store';

/** A worker of the group `workers` that acknowledges what it is given, whatever becomes of the store, until it is told to stop. */
export class GroupWorker {
  /** Ids of the events that it was given. */
  readonly given: number[] = [];
  /** Of those which it knows to be acknowledged. */
  readonly acknowledged = new Set<number>();
  readonly errors: EventsError[] = [];
  readonly #end = new AbortController();
  readonly #running: Promise<void>;

  /** `onGiven` is called with the id of each event, before it is acknowledged. */
  constructor(store: EventStore, channel: string, onGiven: (id: number) => void = () => {}) {
    this.#running = this.#work(store, channel, onGiven);
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #work(store: EventStore, channel: string, onGiven: (id: number) => void): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        const { events } = await store.receive(channel, 'workers', {
          clientId: 'worker',
          limit: 5,
          leaseMs: 500,
          timeoutMs: 30_000,
          signal,
        });
        for (const { id } of events) {
          onGiven(id);
          this.given.push(id);
        }
        const settled = await store.settle(
          channel,
          'workers',
          events.map(({ id, delivery: { token } }) => ({ kind: 'acknowledge', id, token })),
        );
        for (const [i, held] of settled.entries()) if (held) this.acknowledged.add(events[i]?.id ?? 0);
      } catch (error) {
        if (!(error instanceof EventsError)) throw error;
        this.errors.push(error);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }
}
