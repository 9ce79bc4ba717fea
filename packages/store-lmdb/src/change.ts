import type { Key } from './keys.js';

export interface Entry {
  readonly key: Key;
  readonly value: Buffer;
}

/** An entry to write, or to remove if it has no value. */
export interface Change {
  readonly key: Key;
  readonly value: Buffer | undefined;
}
