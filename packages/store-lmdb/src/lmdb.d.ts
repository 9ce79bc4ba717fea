import 'lmdb';

declare module 'lmdb' {
  /** What a key stands for, of the bytes that it is stored as. Exported, but not declared, by lmdb itself. */
  export function bufferToKeyValue(key: Uint8Array): Key;
}
