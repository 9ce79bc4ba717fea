import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Waiter, Waiters } from '../src/waiting/waiter.js';
import { waiting } from './support/waiting.js';

describe('Waiters', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it('wakes all of them, also those that wait again at once', async () => {
    const waiters = new Waiters();
    let rounds = 0;
    const rounders = [1, 2, 3].map(async () => {
      await waiting(waiters, 1_000);
      rounds++;
      await waiting(waiters, 1_000);
      rounds++;
    });
    waiters.wakeAll();
    await vi.advanceTimersByTimeAsync(0);
    expect([rounds, waiters.size]).toEqual([3, 3]);
    waiters.wakeAll();
    await Promise.all(rounders);
    expect([rounds, waiters.size]).toEqual([6, 0]);
  });

  it('wakes each once, also where one that is woken wakes the others', async () => {
    const waiters = new Waiters();
    let woken = 0;
    class Chain extends Waiter {
      start() {
        this.wait(waiters, 1_000);
      }
      protected override onWake() {
        woken++;
        waiters.wakeAll();
      }
    }
    for (let i = 0; i < 3; i++) new Chain().start();
    waiters.wakeAll();
    expect([woken, waiters.size]).toEqual([3, 0]);
  });

  it('ends by time', async () => {
    const waiters = new Waiters();
    const wait = waiting(waiters, 1_000);
    await vi.advanceTimersByTimeAsync(999);
    expect(waiters.size).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await wait;
    expect(waiters.size).toBe(0);
  });

  it('holds longer than a timer can', async () => {
    const waiters = new Waiters();
    const wait = waiting(waiters, Number.MAX_SAFE_INTEGER);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(waiters.size).toBe(1);
    waiters.wakeAll();
    await wait;
  });
});
