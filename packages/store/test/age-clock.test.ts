import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { AgeClock } from '../src/retention/age-clock.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;

/** What the clock of a storage tells. */
let clock: number;

/** Time goes by. */
function pass(ms: number): void {
  vi.advanceTimersByTime(ms);
  clock += ms;
}

/** As long, with a look at the clock every minute. */
function passReading(ageClock: AgeClock, ms: number): void {
  for (let left = ms; left > 0; left -= MINUTE_MS) {
    pass(Math.min(left, MINUTE_MS));
    ageClock.read(clock);
  }
}

beforeEach(() => {
  clock = 2_000_000_000_000;
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
});

it('knows nothing for the first ten minutes, or for the age if it is shorter', () => {
  for (const [maxAgeMs, startMs] of [
    [YEAR_MS, 10 * MINUTE_MS],
    [300, 300],
  ] as const) {
    const ageClock = new AgeClock(maxAgeMs);
    expect(ageClock.now).toBeUndefined();
    ageClock.read(clock);
    pass(startMs - 1);
    expect(ageClock.now).toBeUndefined();
    pass(1);
    expect(ageClock.now).toBe(clock);
  }
});

it('begins again if the clock jumps at the start', () => {
  const ageClock = new AgeClock(YEAR_MS);
  clock -= YEAR_MS;
  ageClock.read(clock);
  pass(9 * MINUTE_MS);
  clock += YEAR_MS;
  ageClock.read(clock);
  pass(10 * MINUTE_MS - 1);
  expect(ageClock.now).toBeUndefined();
  pass(1);
  expect(ageClock.now).toBe(clock);
});

it('goes on between two readings, and follows what a clock is adjusted by', () => {
  const ageClock = new AgeClock(YEAR_MS);
  ageClock.read(clock);
  pass(HOUR_MS);
  expect(ageClock.now).toBe(clock);
  for (const byMs of [MINUTE_MS, -MINUTE_MS]) {
    clock += byMs;
    ageClock.read(clock);
    expect(ageClock.now).toBe(clock);
  }
});

it('does not believe a jump forward for a day, or for the age if it is shorter', () => {
  for (const [maxAgeMs, disbeliefMs] of [
    [YEAR_MS, DAY_MS],
    [HOUR_MS, HOUR_MS],
  ] as const) {
    const ageClock = new AgeClock(maxAgeMs);
    ageClock.read(clock);
    passReading(ageClock, HOUR_MS);
    clock += YEAR_MS;
    ageClock.read(clock);
    passReading(ageClock, disbeliefMs - MINUTE_MS);
    expect(ageClock.now).toBe(clock - YEAR_MS);
    passReading(ageClock, MINUTE_MS);
    expect(ageClock.now).toBe(clock);
  }
});

it('forgets a jump that is corrected, and counts the day of another from its own beginning', () => {
  const ageClock = new AgeClock(YEAR_MS);
  ageClock.read(clock);
  passReading(ageClock, HOUR_MS);
  const right = () => clock - jumped;
  let jumped = 0;
  for (const byMs of [YEAR_MS, -YEAR_MS, YEAR_MS, YEAR_MS]) {
    jumped += byMs;
    clock += byMs;
    ageClock.read(clock);
    passReading(ageClock, DAY_MS - MINUTE_MS);
    expect(ageClock.now).toBe(right());
  }
});

it('follows a jump back at once', () => {
  const ageClock = new AgeClock(YEAR_MS);
  ageClock.read(clock);
  passReading(ageClock, HOUR_MS);
  clock -= YEAR_MS;
  ageClock.read(clock);
  expect(ageClock.now).toBe(clock);
});
