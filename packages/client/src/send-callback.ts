/**
 * Gets the result, and null as the error; or the error, and no result. The types are those of the original: look at the error
 * first. A callback may declare more of its parameters than that.
 */
export type Callback<Result> = {
  // A method's parameters are compared in both directions.
  call(error: Error, result: Result): void;
}['call'];

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
    (value) => process.nextTick(callback as (error: unknown, result: Result) => void, null, value),
    (error) => process.nextTick(callback as (error: Error) => void, error),
  );
  return undefined;
}
