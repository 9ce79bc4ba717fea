import { readFile } from 'node:fs/promises';
import type { FastifyBaseLogger } from 'fastify';
import type * as Jose from 'jose';
import { TemporaryRefusal } from '../answers/errors.js';
import { isAddress } from './key-source.js';

/** The set is read again after this, so that a key that was taken out of it is of no use any more. Milliseconds. */
const FRESH_MS = 600_000;
/** It is not read more often than this, whatever keys tokens name. Milliseconds. */
const AGAIN_MS = 30_000;
/** While there is none at all: than this. Milliseconds. */
const FIRST_AGAIN_MS = 1_000;
/** How long an answer with a set may take until its end, milliseconds. */
const FETCH_MS = 5_000;
/** The largest set that is taken from an address: thousands of keys. */
const MOST_BYTES = 1024 * 1024;

/**
 * The public keys that tokens are signed with: a JSON Web Key Set, in a file or at an address. It is kept, and read again once in a
 * while and if a token names a key that is not in it. If that fails the keys that are known stay.
 */
export class KeySet {
  readonly #source: string;
  readonly #jose: typeof Jose;
  readonly #log: FastifyBaseLogger;
  #find: ReturnType<typeof Jose.createLocalJWKSet> | undefined;
  #text = '';
  #version = 0;
  /** When it was read, or that was tried, on the clock of `performance.now()`. */
  #triedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  /** `source`: the path of a file, or a URL. */
  constructor(source: string, jose: typeof Jose, log: FastifyBaseLogger) {
    this.#source = source;
    this.#jose = jose;
    this.#log = log;
  }

  /**
   * Reads it for the first time. An address that cannot be reached is only logged: it may be there when the first token comes.
   *
   * @throws what is wrong with a file (as a rejection)
   */
  async open(): Promise<void> {
    if (isAddress(this.#source)) await this.#read();
    else this.#take(await readFile(this.#source, 'utf8'));
    this.#triedAt = performance.now();
  }

  /** Another one once its keys are others. */
  get version(): number {
    return this.#version;
  }

  /** Reads it again in the background if it is time for that. */
  refresh(): void {
    if (performance.now() - this.#triedAt > FRESH_MS) void this.#read();
  }

  /**
   * The key of a token, for jose.
   *
   * @throws JWKSNoMatchingKey (as a rejection) if there is none
   * @throws TemporaryRefusal (as a rejection) if the set could not be read yet
   */
  readonly keyOf: Jose.JWTVerifyGetKey = async (header, token) => {
    if (this.#find === undefined) await this.#readAfter(FIRST_AGAIN_MS);
    if (this.#find === undefined) {
      throw new TemporaryRefusal('The keys of tokens cannot be read now');
    }
    try {
      return await this.#find(header, token);
    } catch (error) {
      if (!(error instanceof this.#jose.errors.JWKSNoMatchingKey)) throw error;
      await this.#readAfter(AGAIN_MS);
      return this.#find(header, token);
    }
  };

  /** Unless that was tried within this time; waits for it if it is under way. */
  async #readAfter(ms: number): Promise<void> {
    if (performance.now() - this.#triedAt >= ms) void this.#read();
    await this.#reading;
  }

  /** Never rejects. */
  #read(): Promise<void> {
    this.#triedAt = performance.now();
    this.#reading ??= this.#load().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #load(): Promise<void> {
    const source = this.#source;
    try {
      this.#take(isAddress(source) ? await fetched(source) : await readFile(source, 'utf8'));
    } catch (error) {
      // What is behind the path of an address may be a key to it.
      this.#log.warn(
        { err: error, source: source.split('?', 1)[0] },
        'cannot read the keys of tokens; those that are known stay',
      );
    }
  }

  #take(text: string): void {
    if (text === this.#text) return;
    this.#find = this.#jose.createLocalJWKSet(JSON.parse(text));
    this.#text = text;
    this.#version += 1;
  }
}

async function fetched(url: string): Promise<string> {
  const response = await fetch(url, {
    headers: { Accept: 'application/jwk-set+json, application/json' },
    // An answer from elsewhere would be from somebody who is not in the configuration.
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_MS),
  });
  if (response.status !== 200) throw new Error(`Expected status 200, got ${response.status}`);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  // Whoever throws in here cancels the rest of it.
  for await (const piece of response.body ?? []) {
    bytes += piece.length;
    if (bytes > MOST_BYTES) throw new Error(`Expected at most ${MOST_BYTES} bytes, got more`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
