import { MAX_CURSORS } from '@ganomede/events-protocol';
import { acknowledge, acknowledgeAll } from './api.js';
import { Backoff, sleep } from './backoff.js';
import type { Cursor } from './cursor.js';
import { mayYetSucceed, RequestError } from './errors.js';
import type { ResolvedOptions } from './options.js';
import { isRefusal } from './pace.js';

/** The pause after a request, so that what is acknowledged meanwhile shares the next one, milliseconds. */
const PAUSE_MS = 50;
/** One request may take this long, milliseconds. */
const TIMEOUT_MS = 10_000;

/**
 * Tells the server how far a client has come, many channels in one request, one request at a time: the first at once, the
 * next ones at least `PAUSE_MS` apart. What fails is tried again for as long as nothing newer is known of its channel.
 */
export class Acknowledger {
  readonly #options: ResolvedOptions;
  readonly #clientId: string;
  readonly #signal: AbortSignal;
  readonly #shared: (channel: string) => void;
  readonly #backoff: Backoff;
  /** By channel: what the server has not been told, or not with success. */
  readonly #pending = new Map<string, Cursor>();
  /** By channel: what was acknowledged last. */
  readonly #newest = new Map<string, Cursor>();
  /** By channel: why the last attempt has failed. */
  readonly #failures = new Map<string, RequestError>();
  #started = false;
  /** Whether the last round has. */
  #hasFailed = false;
  #running: Promise<void> | undefined;
  /** The last of what is told one after the other. */
  #turn: Promise<void> = Promise.resolve();
  /** Most cursors of one request; fewer if the server takes less. */
  #most = MAX_CURSORS;

  /**
   * When `signal` aborts only `flush` sends anything. `shared` is told of channels of which other processes move the same cursor.
   */
  constructor(
    options: ResolvedOptions,
    clientId: string,
    signal: AbortSignal,
    shared: (channel: string) => void,
  ) {
    this.#shared = shared;
    this.#options = options;
    this.#clientId = clientId;
    this.#signal = signal;
    this.#backoff = new Backoff(options.backoff);
  }

  /** Nothing is told before: the server may not know grouped acknowledgements, nor streams. */
  start(): void {
    this.#started = true;
    if (this.#pending.size > 0) this.#running ??= this.#run();
  }

  /** The server is to save this cursor, soon. @throws RequestError if that has failed for the channel since the last call */
  acknowledge(cursor: Cursor): void {
    const { channel, after, epoch } = cursor;
    const newest = this.#newest.get(channel);
    const failure = this.#failures.get(channel);
    this.#failures.delete(channel);
    if (after !== undefined && (newest?.after !== after || newest.epoch !== epoch)) {
      this.#newest.set(channel, cursor);
      this.#pending.set(channel, cursor);
      if (this.#started) this.#running ??= this.#run();
    }
    if (failure !== undefined) throw failure;
  }

  /** Somebody else tells the server about the channel from now on. */
  forget(channel: string): void {
    this.#newest.delete(channel);
    this.#pending.delete(channel);
    this.#failures.delete(channel);
  }

  /** Resolves once the server was told everything, or could not be within `timeoutMs`. Never rejects. */
  async flush(timeoutMs: number): Promise<void> {
    if (timeoutMs === 0) return;
    const over = new AbortController();
    await Promise.race([this.#tell(timeoutMs, undefined), sleep(timeoutMs, over.signal)]);
    over.abort();
  }

  async #run(): Promise<void> {
    // What is acknowledged in this turn shares the request.
    await undefined;
    while (this.#pending.size > 0 && !this.#signal.aborted) {
      const failure = await this.#tell(TIMEOUT_MS, this.#signal);
      this.#hasFailed = failure !== undefined;
      if (failure === undefined) this.#backoff.reset();
      await sleep(failure === undefined ? PAUSE_MS : this.#backoff.next(failure), this.#signal);
    }
    this.#running = undefined;
  }

  /** Tells what is pending, after what is being told. Resolves with the error of what has failed. */
  #tell(timeoutMs: number, signal: AbortSignal | undefined): Promise<RequestError | undefined> {
    const deadline = performance.now() + timeoutMs;
    const told = this.#turn.then(() => this.#tellPending(deadline, signal));
    this.#turn = told.then(() => undefined);
    return told;
  }

  async #tellPending(deadline: number, signal: AbortSignal | undefined): Promise<RequestError | undefined> {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    let failure: RequestError | undefined;
    for (let i = 0; i < pending.length; ) {
      const cursors = pending.slice(i, i + this.#most);
      const errors = await this.#attempt(cursors, deadline, signal);
      // The next one is another request.
      if (errors === 'too large') continue;
      i += cursors.length;
      for (const [n, cursor] of cursors.entries()) {
        const error = errors[n];
        if (error === undefined) continue;
        failure ??= error;
        this.#failed(cursor, error);
      }
    }
    return failure;
  }

  /** It is tried again, unless something newer is known. */
  #failed(cursor: Cursor, error: RequestError): void {
    const { channel } = cursor;
    if (this.#newest.get(channel) !== cursor) return;
    this.#pending.set(channel, cursor);
    // One failure is no news: a server that stops or a balancer may cause it.
    if (this.#hasFailed || isRefusal(error)) this.#failures.set(channel, error);
  }

  /** What became of each. A server that takes no grouped acknowledgements (behind a balancer, say) gets single ones. */
  async #attempt(
    cursors: readonly Cursor[],
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<(RequestError | undefined)[] | 'too large'> {
    const call = () => {
      const timeoutMs = Math.max(1, Math.ceil(deadline - performance.now()));
      return { clientId: this.#clientId, timeoutMs, signal };
    };
    try {
      const results = await acknowledgeAll(this.#options, { ...call(), cursors });
      return results.map((result, i) => {
        if (result instanceof RequestError) return result;
        if (result.isShared) this.#shared((cursors[i] as Cursor).channel);
        return undefined;
      });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.statusCode === 413 && cursors.length > 1) {
        this.#most = Math.ceil(cursors.length / 2);
        return 'too large';
      }
      if (mayYetSucceed(error) || error.code === 'Closed' || error.statusCode === 401) {
        return cursors.map(() => error);
      }
    }
    const errors: (RequestError | undefined)[] = [];
    for (const { channel, after, epoch } of cursors) {
      errors.push(
        await acknowledge(this.#options, { ...call(), channel, after, epoch }).then(
          () => undefined,
          (error: RequestError) => error,
        ),
      );
    }
    return errors;
  }
}
