import { validateHeaderValue } from 'node:http';

/** A token, or what gives one: called for the first request, and when a server does not accept the one before any more. */
export type TokenOption = string | (() => string | Promise<string>);

/** The token of a client; as many requests as there are share one call of the function that gives it. */
export class Token {
  readonly #give: (() => string | Promise<string>) | undefined;
  #current: string | undefined;
  #asking: Promise<void> | undefined;

  constructor(token: TokenOption) {
    if (typeof token === 'string') this.#current = token;
    else this.#give = token;
  }

  /** The one that there is; undefined until `ready` has resolved. */
  get current(): string | undefined {
    return this.#current;
  }

  /** Resolves once there is one; undefined if there is. Rejects if the function fails, or gives none. */
  ready(): Promise<void> | undefined {
    if (this.#current !== undefined) return undefined;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** A server does not accept this one. Whether there may be another one. */
  refused(token: string | undefined): boolean {
    if (this.#give === undefined) return false;
    // Another request may have got the next one by now.
    if (this.#current === token) this.#current = undefined;
    return true;
  }

  async #ask(): Promise<void> {
    const token: unknown = await this.#give?.();
    if (typeof token !== 'string' || token === '') {
      throw new TypeError(`expected a non-empty string, got ${token === '' ? '""' : typeof token}`);
    }
    validateHeaderValue('Authorization', token);
    this.#current = token;
  }
}
