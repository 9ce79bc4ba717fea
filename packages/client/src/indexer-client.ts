import { createIndex, readIndex } from './api.js';
import type { AnyEvent, Incoming } from './channel-types.js';
import { wrong } from './checks.js';
import { type ClientOptions, resolveOptions, type Server } from './options.js';
import { type Callback, checkCallback, settled } from './send-callback.js';

/** Options of an `IndexerClient`; those that a `Client` has too mean the same. */
export interface IndexerClientOptions
  extends Pick<
    ClientOptions,
    | 'secret'
    | 'token'
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

/** The same, by the name that the original has for it. */
export type GetIndexEventsResult = IndexEvents;

/** Defines indices on the server, and reads the events that they find. */
export class IndexerClient {
  readonly #server: Server;

  /** @throws TypeError that names what is wrong with the options */
  constructor(options: IndexerClientOptions) {
    const { pathnamePrefix: prefix, ...rest } = options ?? {};
    if (prefix !== undefined && !(typeof prefix === 'string' && /^(\/[!-"$->@-~]*)?$/.test(prefix))) {
      throw wrong('pathnamePrefix', 'the beginning of a path, URL-encoded, without query', prefix);
    }
    const pathname = prefix === undefined ? {} : { pathname: `${prefix.replace(/\/+$/, '')}/events` };
    this.#server = resolveOptions(options && { ...rest, ...pathname });
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
    return settled(createIndex(this.#server, { id, channel, field }), callback);
  }

  /**
   * The events whose indexed field has this value, newest first; none is an empty list of rows.
   *
   * Fails as `createIndex` does; `ResourceNotFound` if there is no such index.
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
    return settled(this.#readAll(indexId, value), callback);
  }

  /** Page by page: our server bounds an answer, the original's does not. */
  async #readAll(id: string, value: string | number | boolean): Promise<IndexEvents> {
    const { next, ...found } = await readIndex(this.#server, { id, value });
    for (let before = next; before !== undefined; ) {
      const page = await readIndex(this.#server, { id, value, before });
      found.rows.push(...page.rows);
      before = page.next;
    }
    return found as IndexEvents;
  }
}
