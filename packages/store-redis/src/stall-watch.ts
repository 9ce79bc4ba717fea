import type { Socket } from 'node:net';
import type { Redis } from 'ioredis';
import { resetConnection } from './reset-connection.js';

/** How often a connection is looked at, milliseconds. */
const LOOK_MS = 500;
/** After a ping so many looks have to find nothing before a connection is suspected. */
const SILENT_LOOKS = 3;
/** At every so many looks a new connection is tried. */
const TRY_EVERY = 2;
/** How long it may take to be answered, milliseconds: a lost packet is sent again after a second. */
const TRY_MS = 2_000;

export interface StallWatchOptions {
  /** How long a command may keep the connection silent, milliseconds. */
  readonly blockedMs?: number | undefined;
  /** Called when the connection has been cut. */
  readonly onCut?: (() => void) | undefined;
}

/**
 * Cuts a connection that is dead although nobody has ended it. After a partition the system sends what it has at ever
 * longer intervals, and the connection would stay away about as long again, while a new one works at once.
 *
 * One that is silent, a ping included, is suspected. It is cut if a new connection to the same place is answered while it
 * is still silent: a server that hangs, or a network that is still away, answers neither, and there is nothing to win.
 */
export class StallWatch {
  readonly #redis: Redis;
  readonly #silentLooks: number;
  readonly #onCut: (() => void) | undefined;
  readonly #timer: NodeJS.Timeout;
  readonly #tried = new Set<Redis>();
  #stream: Redis['stream'] | undefined;
  #bytesRead = 0;
  #silent = 0;
  #pinged = false;
  #stopped = false;

  constructor(redis: Redis, { blockedMs = 0, onCut }: StallWatchOptions = {}) {
    this.#redis = redis;
    this.#silentLooks = SILENT_LOOKS + Math.ceil(blockedMs / LOOK_MS);
    this.#onCut = onCut;
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
    redis.once('end', () => this.stop());
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const each of this.#tried) end(each);
  }

  #look(): void {
    const { status, stream } = this.#redis;
    // Connecting has a time-out of its own.
    if (status !== 'ready' && status !== 'connect') return;
    if (!this.#isSilent(stream)) {
      this.#stream = stream;
      this.#bytesRead = stream.bytesRead;
      this.#silent = 0;
      this.#pinged = false;
      return;
    }
    if (status === 'ready' && !this.#pinged) {
      this.#pinged = true;
      this.#redis.ping().catch(() => {});
      return;
    }
    this.#silent++;
    const suspectFor = this.#silent - this.#silentLooks;
    if (suspectFor < 0) return;
    // Nobody has asked anything yet on a connection that is not ready.
    if (status === 'connect') this.#cut(stream);
    else if (suspectFor % TRY_EVERY === 0) void this.#tryAnother(stream);
  }

  #isSilent(stream: Redis['stream']): boolean {
    return stream === this.#stream && stream.bytesRead === this.#bytesRead;
  }

  async #tryAnother(silent: Redis['stream']): Promise<void> {
    const another = this.#redis.duplicate({
      lazyConnect: true,
      // That it says hello is enough.
      enableReadyCheck: false,
      connectTimeout: TRY_MS,
      commandTimeout: TRY_MS,
      retryStrategy: null,
      sentinelRetryStrategy: () => null,
    });
    another.on('error', () => {});
    this.#tried.add(another);
    const timer = setTimeout(() => end(another), TRY_MS).unref();
    const answered = await another.connect().then(
      () => true,
      () => false,
    );
    clearTimeout(timer);
    this.#tried.delete(another);
    end(another);
    const { status, stream } = this.#redis;
    if (answered && status === 'ready' && stream === silent && this.#isSilent(silent)) this.#cut(silent);
  }

  #cut(stream: Redis['stream']): void {
    if (this.#stopped) return;
    resetConnection(stream as Socket, new Error('It no longer answers'));
    this.#onCut?.();
  }
}

/** `disconnect` alone waits for the other side. */
function end(redis: Redis): void {
  redis.disconnect();
  redis.stream?.destroy();
}
