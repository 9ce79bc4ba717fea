import { EventsError } from '@ganomede/events-protocol';

/** Between two attempts to reach a server that does not answer, milliseconds. */
const PROBE_MS = 250;

/**
 * A server that hangs keeps its connection: every command would wait for its time-out. After the first one the
 * others fail at once, until the server answers again.
 */
export class Breaker {
  readonly #open = new Map<string, NodeJS.Timeout>();
  readonly #ping: (node: string) => Promise<unknown>;

  /** `ping` rejects while the server does not answer. */
  constructor(ping: (node: string) => Promise<unknown>) {
    this.#ping = ping;
  }

  /** @throws EventsError `ServiceUnavailable` while the server is known to hang. */
  check(node: string): void {
    if (!this.#open.has(node)) return;
    throw new EventsError('ServiceUnavailable', `Redis at ${node} does not answer`);
  }

  /** A command has timed out. */
  trip(node: string): void {
    if (!this.#open.has(node)) this.#probeLater(node);
  }

  close(): void {
    for (const timer of this.#open.values()) clearTimeout(timer);
    this.#open.clear();
  }

  #probeLater(node: string): void {
    const timer = setTimeout(async () => {
      const answered = await this.#ping(node).then(
        () => true,
        () => false,
      );
      if (this.#open.get(node) !== timer) return;
      if (answered) this.#open.delete(node);
      else this.#probeLater(node);
    }, PROBE_MS);
    this.#open.set(node, timer.unref());
  }
}
