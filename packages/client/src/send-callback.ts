/** Gets the result, or the error. */
export type Callback<Result> = (error: Error | null, result?: Result) => void;

/** @throws TypeError if it is neither a function nor left out. */
export function checkCallback(callback: unknown): void {
  if (callback != null && typeof callback !== 'function') {
    throw new TypeError(`Invalid callback: expected a function, got ${typeof callback}`);
  }
}

/** Hands the result to the callback; without one, returns the promise, which is never an unhandled rejection. */
export function settled<Result>(
  result: Promise<Result>,
  callback: Callback<Result> | null | undefined,
): Promise<Result> | undefined {
  if (!callback) {
    // Whoever awaits the promise still gets the error.
    result.catch(() => {});
    return result;
  }
  // On a tick of its own, so that what the callback throws is an uncaught exception and not a rejection.
  result.then(
    (value) => process.nextTick(callback, null, value),
    (error) => process.nextTick(callback, error),
  );
  return undefined;
}
