import { createHash } from 'node:crypto';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, RequestError } from '@ganomede/events-client';
import { Random } from './random.mjs';
import { SECRET } from './service.mjs';

/** @typedef {import('@ganomede/events-testing').Entry} Entry */
/** @typedef {import('@ganomede/events-testing').StoredEvent} StoredEvent */
/** @typedef {{ id: number, type: string, data?: any }} Event */

export const CHANNELS = ['faults/a', 'faults/b', 'faults/c'];
/** Who sends every event: a text by which a proxy knows a publish. */
export const FROM = 'a-writer-among-faults';

const WRITERS = 3;
/** Between two calls of a writer. */
const PAUSE_MS = /** @type {const} */ ([5, 50]);
/** Between two restarts of a reader. */
const LIFE_MS = /** @type {const} */ ([500, 5_000]);
const LOOK_EVERY_MS = 200;
const LOOK_LIMIT = 50;
const PAGE_LIMIT = 100;

const OPTIONS = {
  secret: SECRET,
  limit: PAGE_LIMIT,
  pollTimeoutMs: 2_000,
  pollGraceMs: 2_000,
  sendTimeoutMs: 9_000,
  retryMaxMs: 500,
};

/** Milliseconds since the workload's process began. */
const now = () => performance.now();

/** What an event is: its name and a hash of all that was sent. @param {Omit<Event, 'id'>} event */
const textOf = ({ type, data }) =>
  `${data?.name}#${createHash('sha256')
    .update(JSON.stringify([type, data]))
    .digest('base64url')
    .slice(0, 10)}`;

/**
 * Writers, and readers of every channel: one with handlers, one with a loop, one that is closed and begun again, and one that
 * looks at the newest events. They note all of it in `entries`.
 */
export class Workload {
  /** @type {Entry[]} */
  entries = [];
  /** Calls that failed, by what the failure was. @type {Map<string, number>} */
  failures = new Map();
  #url;
  #random;
  #agent = new http.Agent({ keepAlive: true });
  /** @type {Set<Client>} */
  #clients = new Set();
  #stopsWriting = new AbortController();
  #stopsReading = new AbortController();
  /** @type {Promise<unknown>[]} */
  #writing;
  /** @type {Promise<unknown>[]} */
  #reading;
  /** The value that each reader got last. @type {Map<string, string>} */
  #newest = new Map();

  /** @param {string} url @param {number | string} seed */
  constructor(url, seed) {
    this.#url = url;
    this.#random = (/** @type {string} */ who) => new Random(`${seed} ${who}`);
    this.#writing = Array.from({ length: WRITERS }, (_, n) => this.#write(`writer ${n}`));
    this.#reading = CHANNELS.flatMap((channel) => [
      this.#handle(channel),
      this.#loop(channel),
      this.#restart(channel),
      this.#look(channel),
    ]);
  }

  /** The store may have lost events: of those that were answered before `from` none. @param {number} from @param {boolean} acknowledged @param {readonly string[]} channels */
  doubt(from, acknowledged, channels = CHANNELS) {
    const to = now();
    for (const channel of channels) this.entries.push({ kind: 'doubt', channel, from, to, acknowledged });
  }

  /**
   * Stops writing; appends one last event to every channel, waits until all readers have it, for at most so long, and notes
   * what the store has.
   *
   * @param {number} withinMs
   */
  async finish(withinMs) {
    this.#stopsWriting.abort();
    await Promise.all(this.#writing);
    const deadline = now() + withinMs;
    const last = new Map();
    for (const channel of CHANNELS) {
      const client = this.#client('the last writer', {});
      for (let n = 0; !last.has(channel) && now() < deadline; n++) {
        const value = await this.#append(client, channel, 'last', n, 1);
        if (value !== undefined) last.set(channel, value);
      }
    }
    const isBehind = () =>
      CHANNELS.some((channel) =>
        ['handler', 'loop', 'restarted'].some(
          (reader) => this.#newest.get(`${reader} of ${channel}`) !== last.get(channel),
        ),
      );
    while (isBehind() && now() < deadline) await sleep(20);
    for (const channel of CHANNELS) {
      this.entries.push({ kind: 'log', channel, events: await this.#log(channel) });
    }
  }

  async [Symbol.asyncDispose]() {
    this.#stopsWriting.abort();
    this.#stopsReading.abort();
    await Promise.all([...this.#clients].map((client) => client.close()));
    await Promise.all([...this.#writing, ...this.#reading]);
    this.#agent.destroy();
  }

  /** @param {string} id @param {Partial<typeof OPTIONS> & { closeTimeoutMs?: number }} options */
  #client(id, options) {
    const client = new Client(id, { ...OPTIONS, url: this.#url, agent: this.#agent, ...options });
    this.#clients.add(client);
    return client;
  }

  /** @param {unknown} error */
  #failed(error) {
    const what = error instanceof RequestError ? error.code : String(error);
    this.failures.set(what, (this.failures.get(what) ?? 0) + 1);
  }

  /** @param {string} writer */
  async #write(writer) {
    const random = this.#random(writer);
    const client = this.#client(writer, {});
    for (let n = 0; !this.#stopsWriting.signal.aborted; n++) {
      const count = random.below(4) === 0 ? random.within([2, 4]) : 1;
      await this.#append(client, random.oneOf(CHANNELS), writer, n, count, random.below(2));
      await sleep(random.within(PAUSE_MS));
    }
  }

  /**
   * One append, tried again under the same key as often as it is said when its outcome is unknown.
   *
   * @param {Client} client @param {string} channel @param {string} writer @param {number} n @param {number} count
   * @returns the value of its last event, if it is stored
   */
  async #append(client, channel, writer, n, count, repetitions = 0) {
    const events = Array.from({ length: count }, (_, i) => ({
      from: FROM,
      type: i % 2 === 0 ? 'even' : 'odd',
      data: { name: `${writer}/${n}.${i}`, text: 'ü'.repeat(n % 50) },
    }));
    const values = events.map(textOf);
    const asked = now();
    /** @type {'stored' | 'unknown' | 'refused'} */
    let outcome = 'refused';
    for (let attempt = 0; attempt <= repetitions; attempt++) {
      try {
        const headers = await client.sendBatch(channel, events, { idempotencyKey: `${writer}/${n}` });
        const ids = headers.map(({ id }) => id);
        const answered = now();
        this.entries.push({ kind: 'append', channel, values, asked, answered, outcome: 'stored', ids });
        return values.at(-1);
      } catch (error) {
        this.#failed(error);
        if (!(error instanceof RequestError) || error.maybeProcessed) outcome = 'unknown';
      }
    }
    this.entries.push({ kind: 'append', channel, values, asked, answered: now(), outcome });
    return undefined;
  }

  /** @param {string} reader @param {string} channel @param {Event} event */
  #got(reader, channel, event) {
    const value = textOf(event);
    this.entries.push({ kind: 'event', channel, reader, id: event.id, value });
    this.#newest.set(`${reader} of ${channel}`, value);
  }

  /** @param {string} reader @param {string} channel @param {unknown} error */
  #told(reader, channel, error) {
    this.#failed(error);
    const isLoss = error instanceof RequestError && ['StoreRewound', 'EventsMissed'].includes(error.code);
    if (isLoss) this.entries.push({ kind: 'report', channel, reader });
  }

  /** A client with handlers; a poll that brings less than a whole page has seen the end. @param {string} channel */
  async #handle(channel) {
    const client = this.#client('handler', {});
    let askedAfter = now();
    let events = 0;
    let hasFailed = false;
    client.on(channel, (event) => {
      events++;
      this.#got('handler', channel, event);
    });
    client.on('error', (error) => {
      hasFailed = true;
      this.#told('handler', channel, error);
    });
    client.on('cycle', ({ next }) => {
      if (!hasFailed && events < PAGE_LIMIT && next.after !== null) {
        this.entries.push({ kind: 'tail', channel, asked: askedAfter, lastId: next.after });
      }
      events = 0;
      hasFailed = false;
      askedAfter = now();
    });
  }

  /** A client with a loop. @param {string} channel */
  async #loop(channel) {
    const client = this.#client('loop', {});
    client.on('error', (error) => this.#told('loop', channel, error));
    for await (const event of client.stream(channel)) this.#got('loop', channel, event);
  }

  /** Clients with the same id, one after the other; half of them do not say what they got last. @param {string} channel */
  async #restart(channel) {
    const random = this.#random(`restarts of ${channel}`);
    while (!this.#stopsReading.signal.aborted) {
      const client = this.#client('restarted', random.below(2) === 0 ? { closeTimeoutMs: 0 } : {});
      client.on(channel, (event) => this.#got('restarted', channel, event));
      client.on('error', (error) => this.#told('restarted', channel, error));
      await sleep(random.within(LIFE_MS), undefined, { signal: this.#stopsReading.signal }).catch(() => {});
      await client.close();
      this.#clients.delete(client);
      this.entries.push({ kind: 'restart', channel, reader: 'restarted' });
    }
  }

  /** @param {string} channel */
  async #look(channel) {
    const client = this.#client('looker', { sendTimeoutMs: 2_000 });
    while (!this.#stopsReading.signal.aborted) {
      await sleep(LOOK_EVERY_MS);
      const asked = now();
      try {
        const events = await client.getLatestEvents(channel, LOOK_LIMIT);
        this.entries.push({ kind: 'look', channel, asked, events: events.map(stored) });
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  /** All that the store has, asked for without a client of ours. @param {string} channel */
  async #log(channel) {
    /** @type {StoredEvent[]} */
    const log = [];
    for (;;) {
      const query = new URLSearchParams({ clientId: 'log', channel, limit: '10000', timeout: '0' });
      query.set('after', String(log.at(-1)?.id ?? 0));
      const answer = await fetch(`${this.#url}/events/v1/events?${query}`, {
        headers: { Authorization: `Bearer ${SECRET}` },
      });
      if (!answer.ok) throw new Error(`The log of ${channel} cannot be read: ${await answer.text()}`);
      const events = /** @type {Event[]} */ (await answer.json());
      if (events.length === 0) return log;
      log.push(...events.map(stored));
    }
  }
}

/** @param {Event} event @returns {StoredEvent} */
function stored(event) {
  return { id: event.id, value: textOf(event) };
}
