import type { ListedCursor } from './saved-cursor.js';

/**
 * The cursors of the first so many clientIds of those that are added, in whatever order they come: an engine that has them in none
 * need not hold them all.
 */
export class FirstClients {
  readonly #after: string;
  readonly #limit: number;
  #byClient = new Map<string, ListedCursor[]>();

  /** Of those after `after`, in the order of their UTF-8 bytes. */
  constructor({ after, limit }: { readonly after: string; readonly limit: number }) {
    this.#after = after;
    this.#limit = limit;
  }

  /** One that was added already takes the place of the former. */
  add(cursor: ListedCursor): void {
    if (byBytes(cursor.clientId, this.#after) <= 0) return;
    const others = this.#byClient.get(cursor.clientId) ?? [];
    this.#byClient.set(cursor.clientId, [...others.filter(({ type }) => type !== cursor.type), cursor]);
    if (this.#byClient.size >= 2 * this.#limit + 1_000) this.#keepFirst();
  }

  /** Sorted by clientId, then type. */
  get cursors(): ListedCursor[] {
    this.#keepFirst();
    return [...this.#byClient.values()].flatMap((cursors) =>
      cursors.toSorted((a, b) => byBytes(a.type ?? '', b.type ?? '')),
    );
  }

  #keepFirst(): void {
    const sorted = [...this.#byClient].sort(([a], [b]) => byBytes(a, b));
    this.#byClient = new Map(sorted.slice(0, this.#limit));
  }
}

/** The order of two names by their UTF-8 bytes. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
