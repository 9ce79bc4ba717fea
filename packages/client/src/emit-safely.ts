import type { EventEmitter } from 'node:events';

/**
 * Emits. What a handler throws surfaces as an uncaught exception before the returned promise resolves; undefined if none
 * threw.
 */
export function emitSafely(
  emitter: EventEmitter,
  name: string,
  ...args: unknown[]
): Promise<void> | undefined {
  try {
    emitter.emit(name, ...args);
    return undefined;
  } catch (error) {
    return surface(error);
  }
}

/** Makes an error an uncaught exception. Resolves if the process lives on. */
export function surface(error: unknown): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(() => {
      // Only reached if the process lives on.
      setImmediate(resolve);
      throw error;
    });
  });
}
