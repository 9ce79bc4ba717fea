import type { EventEmitter } from 'node:events';
import { surface } from './emit-safely.js';

/**
 * Calls the handlers of a name, as `emit` does. Undefined if none of them has returned a promise or thrown; otherwise resolves, once
 * all of the promises are settled and what was thrown has surfaced as an uncaught exception, with what the promises were rejected with.
 */
export function callHandlers(
  emitter: EventEmitter,
  name: string,
  ...args: unknown[]
): Promise<unknown[]> | undefined {
  const promises: PromiseLike<unknown>[] = [];
  let surfaced: Promise<void> | undefined;
  try {
    // Raw: those of `once` remove themselves.
    for (const handler of emitter.rawListeners(name)) {
      const returned: unknown = Reflect.apply(handler, emitter, args);
      if (isPromise(returned)) promises.push(returned);
    }
  } catch (error) {
    surfaced = surface(error);
  }
  if (promises.length === 0) return surfaced?.then(() => []);
  return settled(promises, surfaced);
}

async function settled(
  promises: readonly PromiseLike<unknown>[],
  surfaced: Promise<void> | undefined,
): Promise<unknown[]> {
  const outcomes = await Promise.allSettled(promises);
  await surfaced;
  return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
