import type { Cursor, CursorPosition, CursorQuery } from './cursor.js';

/** Where a consumer is in a channel, as handlers of `cycle` get it. Immutable: `advance` makes a new one. */
export class CycleCursor {
  readonly channel: string;
  /** Id of the last event already seen; null: what the server has saved. */
  readonly after: number | null;
  /** The most events that one request returns; null: the server decides. */
  readonly limit: number | null;
  readonly epoch: string | null;

  /** @throws TypeError if `channel` is not a non-empty string. */
  constructor(channel: string, { after, limit, epoch }: CursorPosition = {}) {
    if (typeof channel !== 'string' || channel === '') {
      const got = channel === '' ? '""' : String(channel);
      // Begins as the original's does.
      throw new TypeError(
        `new Cursor() requires channel to be non-empty string, got ${got} (${typeof channel})`,
      );
    }
    this.channel = channel;
    this.after = after ?? null;
    this.limit = limit ?? null;
    this.epoch = epoch ?? null;
  }

  static of({ channel, after, limit, epoch }: Cursor): CycleCursor {
    return new CycleCursor(channel, { after, limit, epoch });
  }

  /**
   * The cursor behind the event with the highest id; this very cursor if there is none with an id. `epoch`: what the server called
   * the epoch of that event; without it the cursor has none.
   */
  advance(events?: readonly { readonly id: number }[] | Error | null, epoch?: string): CycleCursor {
    const ids = Array.isArray(events) ? events.map(({ id }) => id).filter(Number.isFinite) : [];
    if (ids.length === 0) return this;
    const after = ids.reduce((highest, id) => Math.max(highest, id));
    return new CycleCursor(this.channel, { after, limit: this.limit, epoch });
  }

  toQuery(): CursorQuery {
    return {
      channel: this.channel,
      ...(this.after !== null && { after: this.after }),
      ...(this.limit !== null && { limit: this.limit }),
      ...(this.after !== null && this.epoch !== null && { epoch: this.epoch }),
    };
  }
}
