import { Client } from '@ganomede/events-client';
import { expect } from 'vitest';
import { allEvents } from './all-events.js';
import { SECRET } from './server.js';

/** Sends that wait for their answers at any time: what comes while a request is under way shares the next one. */
const AT_ONCE = 60;

/**
 * One client that sends to some channels without a pause, each event with the number of its call. `await using` ends it;
 * sends that are not answered then fail.
 */
export class OverlappingSends implements AsyncDisposable {
  readonly errors: unknown[] = [];
  /** By channel: the number of each call, in their order. */
  readonly #called: Map<string, number[]>;
  /** By channel: which number is stored under which id, as the answers say. */
  readonly #answered: Map<string, Map<number, number>>;
  readonly #client: Client;
  readonly #sending: Promise<unknown>;
  #calls = 0;
  #answers = 0;
  #isOver = false;

  /** @param name of the client, and what the names of its channels begin with */
  constructor(url: string, name: string, channels = 3) {
    const names = Array.from({ length: channels }, (_, n) => `${name}/${n}`);
    this.#called = new Map(names.map((channel) => [channel, []]));
    this.#answered = new Map(names.map((channel) => [channel, new Map()]));
    this.#client = new Client(name, { url, secret: SECRET, retryMaxMs: 500 });
    this.#sending = Promise.all(Array.from({ length: AT_ONCE }, () => this.#send(names)));
  }

  async #send(names: readonly string[]): Promise<void> {
    while (!this.#isOver) {
      const n = this.#calls++;
      const channel = names[n % names.length] as string;
      this.#called.get(channel)?.push(n);
      try {
        const { id } = await this.#client.send(channel, { from: 'test', type: 'add', data: { n } });
        this.#answered.get(channel)?.set(n, id);
      } catch (error) {
        this.errors.push(error);
      }
      this.#answers += 1;
    }
  }

  /** Resolves once so many more are answered; others are under way then, since there is no pause. */
  async more(count: number): Promise<void> {
    const until = this.#answers + count;
    while (this.#answers < until) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  /** Sends no more; resolves once each send is answered. */
  async finish(): Promise<void> {
    this.#isOver = true;
    await this.#sending;
  }

  /** After `finish`: each send has succeeded, and is stored once, under the id that it was told, in the order of the calls. */
  async expectAllStored(url: string): Promise<void> {
    expect(this.errors).toEqual([]);
    for (const [channel, numbers] of this.#called) {
      const events = await allEvents(url, channel);
      expect(events.map(({ data }) => data.n)).toEqual(numbers);
      expect(events.map(({ id }) => id)).toEqual(numbers.map((n) => this.#answered.get(channel)?.get(n)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#client.close();
    await this.#sending;
  }
}
