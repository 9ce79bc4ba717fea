/** Counts what a client has running, and says when nothing is. */
export class RunningWork {
  readonly #onIdle: () => void;
  #running = 0;

  /** @param onIdle is called when the last of what ran has ended and nothing has begun since */
  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  begin(): void {
    this.#running += 1;
  }

  end(): void {
    this.#running -= 1;
    // After the callback of the `send` that has just ended, which may well begin the next one.
    if (this.#running === 0) setImmediate(() => this.#running === 0 && this.#onIdle());
  }

  async during<Result>(run: () => Promise<Result>): Promise<Result> {
    this.begin();
    try {
      return await run();
    } finally {
      this.end();
    }
  }
}
