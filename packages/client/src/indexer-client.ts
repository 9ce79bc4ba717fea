import { Backoff } from './backoff.js';
import { type Callback, checkCallback, settled } from './callback.js';
import type { AnyEvent, Incoming } from './channel-map.js';
import { type Expected, request } from './http.js';
import { type ClientOptions, type ResolvedOptions, resolveOptions, wrong } from './options.js';
import { areRows } from './page.js';
import { retried } from './retry.js';

/** Options of an `IndexerClient`; those that a `Client` has too mean the same. */
export interface IndexerClientOptions
  extends Pick<
    ClientOptions,
    | 'secret'
    | 'url'
    | 'protocol'
    | 'hostname'
    | 'port'
    | 'agent'
    | 'retryBaseMs'
    | 'retryMaxMs'
    | 'sendTimeoutMs'
  > {
  /** What the paths of the server begin with. Default `/events/v1`. */
  pathnamePrefix?: string | undefined;
}

/** The events of an index that have one value in its field. */
export interface IndexEvents<E = AnyEvent> {
  /** Of the index. */
  id: string;
  /** The indexed field, a path such as `data.username`. */
  field: string;
  value: string;
  /** Newest first. */
  rows: Incoming<E>[];
}

const OK: Expected<'OK'> = { what: '"OK"', read: (json) => (json === 'OK' ? json : undefined) };
/** One answer of the server. */
interface IndexPage extends IndexEvents {
  /** Where there may be more: the `before` of the next page. */
  next?: number;
}

const INDEX_EVENTS: Expected<IndexPage> = {
  what: 'index events {id, field, value, rows}',
  read: (json) => (isIndexEvents(json) ? json : undefined),
};

/** Defines indices on the server, and reads the events that they find. */
export class IndexerClient {
  readonly #options: ResolvedOptions;

  /** @throws TypeError that names what is wrong with the options */
  constructor(options: IndexerClientOptions) {
    const { pathnamePrefix: prefix, ...rest } = options ?? {};
    if (prefix !== undefined && !(typeof prefix === 'string' && /^(\/[!-"$->@-~]*)?$/.test(prefix))) {
      throw wrong('pathnamePrefix', 'the beginning of a path, URL-encoded, without query', prefix);
    }
    const pathname = prefix === undefined ? {} : { pathname: `${prefix.replace(/\/+$/, '')}/events` };
    this.#options = resolveOptions(options && { ...rest, ...pathname });
  }

  /**
   * Defines an index: finds the events of `channel`, earlier ones too, by the value of `field`. Repeating an identical
   * definition is fine.
   *
   * Fails with a `TypeError` for arguments that cannot be sent, else with a `RequestError` (`Conflict`: there is another
   * index with this id); always asynchronously.
   */
  createIndex(id: string, channel: string, field: string): Promise<'OK'>;
  createIndex(id: string, channel: string, field: string, callback: Callback<'OK'> | undefined): void;
  createIndex(
    id: string,
    channel: string,
    field: string,
    callback?: Callback<'OK'>,
  ): Promise<'OK'> | undefined {
    checkCallback(callback);
    return settled(this.#createIndex({ id, channel, field }), callback);
  }

  /**
   * The events whose indexed field has this value, newest first; none is an empty list of rows.
   *
   * Fails as `createIndex` does; `ResourceNotFound` where there is no such index.
   */
  getIndexEvents<E = AnyEvent>(indexId: string, value: string | number | boolean): Promise<IndexEvents<E>>;
  getIndexEvents<E = AnyEvent>(
    indexId: string,
    value: string | number | boolean,
    callback: Callback<IndexEvents<E>> | undefined,
  ): void;
  getIndexEvents(
    indexId: string,
    value: string | number | boolean,
    callback?: Callback<IndexEvents>,
  ): Promise<IndexEvents> | undefined {
    checkCallback(callback);
    return settled(this.#getIndexEvents(indexId, value), callback);
  }

  async #createIndex(definition: { id: string; channel: string; field: string }): Promise<'OK'> {
    for (const [name, value] of Object.entries(definition)) checkText(name, value);
    const body = JSON.stringify(definition);
    const path = `${this.#options.prefix}/indices`;
    return this.#retried((limits) => request(this.#options, { method: 'POST', path, body, ...limits }, OK));
  }

  async #getIndexEvents(indexId: string, value: string | number | boolean): Promise<IndexEvents> {
    checkText('indexId', indexId);
    checkText('value', String(value));
    const path = `${this.#options.prefix}/indices/${encodeURIComponent(indexId)}/${encodeURIComponent(value)}`;
    const read = (query: string) =>
      this.#retried((limits) =>
        request(this.#options, { method: 'GET', path: `${path}${query}`, ...limits }, INDEX_EVENTS),
      );
    // All of them, as the original's server answers at once; ours bounds an answer.
    const { next, ...found } = await read('');
    for (let before = next; before !== undefined; ) {
      const page = await read(`?before=${before}`);
      found.rows.push(...page.rows);
      before = page.next;
    }
    return found;
  }

  #retried<Content>(
    attempt: (limits: { timeoutMs: number; signal: AbortSignal }) => Promise<Content>,
  ): Promise<Content> {
    const { signal } = new AbortController();
    const { backoff, sendTimeoutMs } = this.#options;
    return retried((timeoutMs) => attempt({ timeoutMs, signal }), {
      timeoutMs: sendTimeoutMs,
      backoff: new Backoff(backoff),
      signal,
    });
  }
}

function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') throw wrong(name, 'a non-empty string', value);
}

function isIndexEvents(json: unknown): json is IndexPage {
  if (typeof json !== 'object' || json === null) return false;
  const { id, field, value, rows, next } = json as Record<string, unknown>;
  if (next !== undefined && !Number.isSafeInteger(next)) return false;
  return [id, field, value].every((text) => typeof text === 'string') && areRows(rows);
}
