import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Backoff } from '../src/backoff.js';
import { Cursor } from '../src/cursor.js';
import { RequestError } from '../src/errors.js';
import type { EventPage } from '../src/event-page.js';
import { Pace } from '../src/pace.js';
import { Poller, type PollerHost } from '../src/poller.js';

// The intervals alone, on a fake clock: what a poller reads comes from the test.
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class Host implements PollerHost {
  closed = false;
  listening = true;
  running = 0;
  readonly reads: number[] = [];
  readonly emitted: string[] = [];
  answer: () => Promise<EventPage> = () => Promise.reject(failure({}));
  isListening = () => this.listening && !this.closed;
  emitSafely = (name: string) => void this.emitted.push(name);
  callHandlers = (channel: string) => void this.emitted.push(channel);
  isTolerable = (_error: unknown) => false;
  whenRejected = 'retry' as const;
  started = () => {
    this.running += 1;
  };
  stopped = () => {
    this.running -= 1;
  };
  read = () => {
    this.reads.push(performance.now() - startedAt);
    return this.answer();
  };
}

const none: EventPage = { events: [] };
let startedAt = 0;

function failure(fields: object): RequestError {
  return new RequestError('test', { code: 'Test', maybeProcessed: false, ...fields });
}

function start(host: Host): Poller {
  startedAt = performance.now();
  const bounds = { baseMs: 100, maxMs: 1000, slowMs: 30_000 };
  // Always the longest delay.
  const backoff = () => new Backoff(bounds, () => 1);
  const poller = new Poller(host, new Cursor('a'), new Pace(backoff(), backoff()), backoff());
  poller.handlersChanged();
  return poller;
}

test('failures in a row double the pause, up to the bound', async () => {
  const host = new Host();
  start(host);
  await vi.advanceTimersByTimeAsync(4000);
  expect(host.reads).toEqual([0, 100, 300, 700, 1500, 2500, 3500]);
});

test('a success begins anew', async () => {
  const host = new Host();
  let n = 0;
  host.answer = () => {
    n += 1;
    if (n === 4) return new Promise((resolve) => setTimeout(resolve, 1000, none));
    return Promise.reject(failure({ statusCode: 500 }));
  };
  start(host);
  await vi.advanceTimersByTimeAsync(2000);
  // The fourth read waits 1000 ms for nothing; the fifth follows at once.
  expect(host.reads).toEqual([0, 100, 300, 700, 1700, 1800, 2000]);
});

test.each([400, 401, 403, 404, 413, 301])('%s is tried again slowly', async (statusCode) => {
  const host = new Host();
  host.answer = () => Promise.reject(failure({ statusCode }));
  start(host);
  await vi.advanceTimersByTimeAsync(70_000);
  expect(host.reads).toEqual([0, 30_000, 60_000]);
});

test.each([408, 425, 429, 500, 502, 503, 504, 200, 204])('%s is tried again soon', async (statusCode) => {
  const host = new Host();
  host.answer = () => Promise.reject(failure({ statusCode }));
  start(host);
  await vi.advanceTimersByTimeAsync(300);
  expect(host.reads).toEqual([0, 100, 300]);
});

test.each([429, 503, 404])('Retry-After of a %s is honoured', async (statusCode) => {
  const host = new Host();
  host.answer = () => Promise.reject(failure({ statusCode, retryAfterMs: 5000 }));
  start(host);
  await vi.advanceTimersByTimeAsync(13_000);
  expect(host.reads).toEqual([0, 6000, 12_000]);
});

test('removing and adding handlers does not shorten the pause', async () => {
  const host = new Host();
  host.answer = () => Promise.reject(failure({ retryAfterMs: 5000 }));
  const poller = start(host);
  await vi.advanceTimersByTimeAsync(1000);
  for (let i = 0; i < 10; i += 1) {
    host.listening = false;
    poller.handlersChanged();
    await vi.advanceTimersByTimeAsync(10);
    expect(host.running).toBe(0);
    host.listening = true;
    poller.handlersChanged();
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(host.reads).toEqual([0]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(host.reads).toEqual([0, 6000]);
});

test('"nothing new" at once is slowed down; after a wait it is not', async () => {
  const host = new Host();
  host.answer = () => Promise.resolve(none);
  start(host);
  await vi.advanceTimersByTimeAsync(2500);
  expect(host.reads).toEqual([0, 100, 300, 700, 1500, 2500]);
  host.answer = () => new Promise((resolve) => setTimeout(resolve, 60, none));
  await vi.advanceTimersByTimeAsync(1200);
  expect(host.reads.slice(6)).toEqual([3500, 3560, 3620, 3680]);
});

test('no timer is left once it has stopped', async () => {
  const host = new Host();
  const poller = start(host);
  await vi.advanceTimersByTimeAsync(50);
  host.listening = false;
  poller.handlersChanged();
  await vi.advanceTimersByTimeAsync(0);
  expect(host.running).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});
