// Many clients of a server that was away: all of them are back soon, and not all at once. On a fake clock, with random
// numbers that are the same in each run.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Backoff, type BackoffBounds } from '../src/backoff.js';
import { Cursor } from '../src/cursor.js';
import { RequestError } from '../src/errors.js';
import { resolveOptions } from '../src/options.js';
import { Outage } from '../src/outage.js';
import { Pace } from '../src/pace.js';
import { Poller, type PollerHost } from '../src/poller.js';
import { retried } from '../src/retry.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Numbers from 0 up to 1 that look random (the generator of Park and Miller). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const defaults: BackoffBounds = resolveOptions({ secret: 's' }).backoff;
const CLIENTS = 1000;
const AWAY_MS = 8000;
/** How long after its return the server has to have heard of everybody. */
const BACK_WITHIN_MS = 5000;
/** Most requests in any tenth of a second, as a rate a second. */
const MOST_PER_S = 750;

const refused = () => new RequestError('refused', { code: 'ECONNREFUSED', maybeProcessed: false });
const storeIsAway = () =>
  new RequestError('store', {
    code: 'ServiceUnavailable',
    statusCode: 503,
    maybeProcessed: true,
    retryAfterMs: 1000,
  });

/** When requests came to the server since its return, milliseconds. */
class Return {
  readonly #backAt = performance.now() + AWAY_MS;
  readonly times: number[] = [];

  /** @throws what a request gets while the server is away */
  request(failure: () => RequestError): void {
    const sinceMs = performance.now() - this.#backAt;
    if (sinceMs < 0) throw failure();
    this.times.push(sinceMs);
  }

  expectSoonAndSpread(): void {
    expect(this.times).toHaveLength(CLIENTS);
    expect(Math.max(...this.times)).toBeLessThan(BACK_WITHIN_MS);
    const tenths = new Array<number>(BACK_WITHIN_MS / 100).fill(0);
    for (const ms of this.times) tenths[Math.floor(ms / 100)] = (tenths[Math.floor(ms / 100)] ?? 0) + 1;
    expect(Math.max(...tenths) * 10).toBeLessThanOrEqual(MOST_PER_S);
  }
}

/** The fake clock looks at every timer each time that one is over. */
const SLOW = { timeout: 90_000 };

describe(`${CLIENTS} clients of a server that was away for ${AWAY_MS} ms`, SLOW, () => {
  test.each([
    ['gone', refused],
    ['without its store, and says when to come again', storeIsAway],
  ])('that is %s: all read again within seconds, without a spike', async (_what, failure) => {
    const random = seeded(11);
    const server = new Return();
    const waits = new Promise<never>(() => {});
    const host: PollerHost = {
      closed: false,
      isListening: () => true,
      read: async () => {
        server.request(failure);
        return waits;
      },
      isTolerable: () => false,
      emitSafely: () => undefined,
      callHandlers: () => undefined,
      whenRejected: 'retry',
      started: () => {},
      stopped: () => {},
    };
    for (let n = 0; n < CLIENTS; n += 1) {
      const backoff = () => new Backoff(defaults, random);
      new Poller(host, new Cursor('a'), new Pace(backoff(), backoff()), backoff()).handlersChanged();
    }
    await vi.advanceTimersByTimeAsync(AWAY_MS + BACK_WITHIN_MS);
    server.expectSoonAndSpread();
  });

  test('what they send arrives within seconds, without a spike', async () => {
    const random = seeded(12);
    const server = new Return();
    const sends = Array.from({ length: CLIENTS }, () =>
      retried(async () => server.request(refused), {
        timeoutMs: 30_000,
        backoff: new Backoff(defaults, random),
        outage: new Outage(30_000),
        signal: undefined,
      }),
    );
    await vi.advanceTimersByTimeAsync(AWAY_MS + BACK_WITHIN_MS);
    await Promise.all(sends);
    server.expectSoonAndSpread();
  });
});
