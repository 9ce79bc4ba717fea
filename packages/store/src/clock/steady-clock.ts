/**
 * Milliseconds since the Unix epoch that go on evenly, whatever is done to the clock of the machine: that of the moment in which
 * this was made, and what has gone by since. For windows, which are neither to end early nor to last for ever because
 * a clock was set.
 */
export class SteadyClock {
  #startedAt = Date.now() - performance.now();

  now(): number {
    return Math.floor(this.#startedAt + performance.now());
  }

  /** From now on it is at `time` or later: what is stored tells that it was that time already. */
  notBefore(time: number): void {
    this.#startedAt += Math.max(0, time - this.now());
  }
}
