import { setTimeout as sleep } from 'node:timers/promises';
import { api, RequestError } from '@ganomede/events-client';
import type { Event } from '@ganomede/events-protocol';
import type { Server } from '../connection/connection.js';

/** After a failure that may pass it is tried again, each time after this much longer; milliseconds. */
const PAUSE_MS = 500;
const MAX_PAUSE_MS = 10_000;

/** What a reader of a channel has to know besides its events. */
export interface Page {
  readonly events: readonly Event[];
  /** The oldest event that is kept, 0 if none is. */
  readonly firstId: number;
  /** The store came back older: it goes on behind this id. */
  readonly rewoundTo: number | undefined;
  /** Up to here the channel was looked through. */
  readonly lookedThrough: number;
}

export interface PagesOptions {
  readonly channel: string;
  readonly after: number;
  readonly clientId: string;
  readonly signal: AbortSignal;
  /** The connection was lost; it is made again until it holds. */
  readonly onRetry: (error: RequestError) => void;
}

/**
 * The events of a channel behind `after`, and those to come, until the signal aborts. Leaves no cursor at the server. A connection
 * that ends is made again for as long as that may help.
 *
 * @throws RequestError that tells why it does not
 */
export async function* eventPages(server: Server, options: PagesOptions): AsyncGenerator<Page> {
  const { signal, onRetry } = options;
  let { after } = options;
  let epoch: string | undefined;
  for (let failures = 0; !signal.aborted; ) {
    const connection = new Connection(server, { ...options, after, epoch });
    try {
      for (let page = await connection.next(); page !== undefined; page = await connection.next()) {
        failures = 0;
        after = page.events.at(-1)?.id ?? page.rewoundTo ?? after;
        epoch = page.epoch ?? epoch;
        yield page;
      }
    } catch (error) {
      if (!(error instanceof RequestError) || !api.mayYetSucceed(error)) throw error;
      failures += 1;
      if (failures === 1) onRetry(error);
    } finally {
      connection.close();
    }
    const pauseMs = Math.min(MAX_PAUSE_MS, PAUSE_MS * Math.max(1, failures));
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
  }
}

type ReceivedPage = Page & { readonly epoch: string | undefined };

interface ConnectionOptions extends PagesOptions {
  readonly epoch: string | undefined;
}

/** One request, whose pages are taken one by one; while one waits to be taken no more is read. */
class Connection {
  readonly #lines: ReturnType<typeof api.streamPages>;
  readonly #server: Server;
  readonly #signal: AbortSignal;
  readonly #stop = () => this.#ended(undefined);
  readonly #pages: ReceivedPage[] = [];
  #end: { readonly error: RequestError | undefined } | undefined;
  #changed: () => void = () => {};
  #silence: NodeJS.Timeout | undefined;
  #silenceMs = 20_000;

  constructor(server: Server, { channel, after, epoch, clientId, signal }: ConnectionOptions) {
    this.#server = server;
    const cursor = { channel, after, epoch, limit: undefined, start: undefined };
    this.#lines = api.streamPages(
      server,
      { clientId, cursors: [cursor] },
      { line: (line) => this.#read(line), ended: (error) => this.#ended(error) },
    );
    this.#watch();
    this.#signal = signal;
    signal.addEventListener('abort', this.#stop);
  }

  /** Undefined: it has ended, as servers do when they stop. @throws RequestError if it has failed */
  async next(): Promise<ReceivedPage | undefined> {
    while (this.#pages.length === 0 && this.#end === undefined) {
      this.#lines.resume();
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    const page = this.#pages.shift();
    if (page === undefined && this.#end?.error) throw this.#end.error;
    return page;
  }

  close(): void {
    clearTimeout(this.#silence);
    this.#signal.removeEventListener('abort', this.#stop);
    this.#lines.close();
  }

  #read(line: Parameters<Parameters<typeof api.streamPages>[2]['line']>[0]): void {
    this.#watch();
    if (line.kind === 'heartbeat') this.#silenceMs = 3 * line.heartbeatMs;
    else if (line.kind === 'refusal') this.#ended(api.refusalInStream(this.#server, line.error));
    else {
      const { events, bounds, rewind, lookedThrough = 0, epoch } = line.page;
      const firstId = bounds?.firstId ?? 0;
      this.#pages.push({ events, firstId, rewoundTo: rewind?.to, lookedThrough, epoch });
      this.#lines.pause();
      this.#changed();
    }
  }

  /** A connection that says nothing is dead, though nobody has told; while nothing is taken nothing is heard. */
  #watch(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      if (this.#pages.length > 0) this.#watch();
      else this.#ended(undefined);
    }, this.#silenceMs);
  }

  #ended(error: RequestError | undefined): void {
    this.#end ??= { error };
    this.#changed();
  }
}
