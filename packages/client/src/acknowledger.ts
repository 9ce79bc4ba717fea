import { MAX_CURSORS } from '@ganomede/events-protocol';
import { acknowledge, acknowledgeAll } from './api.js';
import { Backoff, sleep } from './backoff.js';
import type { Cursor } from './cursor.js';
import { RequestError } from './errors.js';
import type { ResolvedOptions } from './options.js';

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
  readonly #backoff: Backoff;
  /** By channel: what the server has not been told, or not with success. */
  readonly #pending = new Map<string, Cursor>();
  /** By channel: what was acknowledged last. */
  readonly #newest = new Map<string, Cursor>();
  /** By channel: why the last attempt has failed. */
  readonly #failures = new Map<string, RequestError>();
  #started = false;
  #running: Promise<void> | undefined;
  #hurry = new AbortController();

  /** When `signal` aborts only `flush` sends anything. */
  constructor(options: ResolvedOptions, clientId: string, signal: AbortSignal) {
    this.#options = options;
    this.#clientId = clientId;
    this.#signal = signal;
    this.#backoff = new Backoff(options.backoff);
    signal.addEventListener('abort', () => this.#hurry.abort(), { once: true });
  }

  /** Nothing is told before: the server may not know grouped acknowledgements, nor streams. */
  start(): void {
    this.#started = true;
    if (this.#pending.size > 0) this.#running ??= this.#run();
  }

  /** The server is to save this cursor, soon. @throws RequestError if that has failed for the channel since the last call */
  acknowledge(cursor: Cursor): void {
    const { channel, after } = cursor;
    const failure = this.#failures.get(channel);
    this.#failures.delete(channel);
    if (after !== undefined && this.#newest.get(channel)?.after !== after) {
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
    const deadline = performance.now() + timeoutMs;
    this.#hurry.abort();
    const over = new AbortController();
    await Promise.race([this.#running, sleep(timeoutMs, over.signal)]);
    over.abort();
    const leftMs = Math.ceil(deadline - performance.now());
    if (this.#pending.size > 0 && this.#signal.aborted && leftMs > 0) await this.#tell(leftMs, undefined);
  }

  async #run(): Promise<void> {
    // What is acknowledged in this turn shares the request.
    await undefined;
    while (this.#pending.size > 0 && !this.#signal.aborted) {
      this.#hurry = new AbortController();
      const failure = await this.#tell(TIMEOUT_MS, this.#signal);
      if (failure === undefined) this.#backoff.reset();
      await sleep(failure === undefined ? PAUSE_MS : this.#backoff.next(failure), this.#hurry.signal);
    }
    this.#running = undefined;
  }

  /** Resolves with the error of a request that has failed. */
  async #tell(timeoutMs: number, signal: AbortSignal | undefined): Promise<RequestError | undefined> {
    const cursors = [...this.#pending.values()].slice(0, MAX_CURSORS);
    for (const { channel } of cursors) this.#pending.delete(channel);
    let errors: (RequestError | undefined)[];
    try {
      errors = await this.#attempt(cursors, timeoutMs, signal);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      errors = cursors.map(() => error);
    }
    for (const [i, cursor] of cursors.entries()) {
      const error = errors[i];
      if (error === undefined) continue;
      if (!this.#pending.has(cursor.channel) && this.#newest.get(cursor.channel) === cursor) {
        this.#pending.set(cursor.channel, cursor);
      }
      if (error.code !== 'Closed') this.#failures.set(cursor.channel, error);
    }
    return errors.find((error) => error !== undefined);
  }

  /** A server that knows no grouped acknowledgements (behind a balancer, say) gets single ones. */
  async #attempt(
    cursors: readonly Cursor[],
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<(RequestError | undefined)[]> {
    const call = { clientId: this.#clientId, timeoutMs, signal };
    try {
      return await acknowledgeAll(this.#options, { ...call, cursors });
    } catch (error) {
      if (!(error instanceof RequestError) || !isUnknownPath(error)) throw error;
    }
    const errors: (RequestError | undefined)[] = [];
    for (const { channel, after, epoch } of cursors) {
      errors.push(
        await acknowledge(this.#options, { ...call, channel, after, epoch }).then(
          () => undefined,
          (error: RequestError) => error,
        ),
      );
    }
    return errors;
  }
}

/** Whether the server does not know the path. */
export function isUnknownPath({ statusCode }: RequestError): boolean {
  return statusCode === 404 || statusCode === 405 || statusCode === 501;
}
