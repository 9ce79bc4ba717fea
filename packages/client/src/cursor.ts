import { checkText } from './checks.js';

/** How far a channel was read. `null` is the same as leaving it out. */
export interface CursorPosition {
  /** Id of the last event already seen; without it the server goes on from the cursor that it has saved. */
  after?: number | null | undefined;
  /** The most events that one request returns; without it the server decides (100). */
  limit?: number | null | undefined;
  /** What the server called the epoch of that event, if it did; see `StoreRewound`. */
  epoch?: string | null | undefined;
  /** Where to go on if there is no `after`, and the server has saved no cursor; see `ClientOptions.start`. */
  start?: string | null | undefined;
}

/** A cursor as query parameters; what is not known is not there. */
export interface CursorQuery {
  channel: string;
  after?: number;
  limit?: number;
  epoch?: string;
  start?: string;
}

/** Where a consumer is in a channel. Immutable: `advance` makes a new one. */
export class Cursor {
  readonly channel: string;
  readonly after: number | undefined;
  readonly limit: number | undefined;
  readonly epoch: string | undefined;
  readonly start: string | undefined;

  /** @throws TypeError if `channel` is not a non-empty string. */
  constructor(channel: string, { after, limit, epoch, start }: CursorPosition = {}) {
    checkText('channel', channel);
    this.channel = channel;
    this.after = after ?? undefined;
    this.limit = limit ?? undefined;
    this.epoch = epoch ?? undefined;
    this.start = start ?? undefined;
  }

  /**
   * The cursor behind the event with the highest id; this very cursor if there are no events. `epoch`: what the server called
   * the epoch of that event; without it the cursor has none.
   */
  advance(events?: readonly { readonly id: number }[] | null, epoch?: string): Cursor {
    if (!Array.isArray(events) || events.length === 0) return this;
    let after = Number.NEGATIVE_INFINITY;
    for (const { id } of events) if (id > after) after = id;
    return new Cursor(this.channel, { after, limit: this.limit, epoch, start: this.start });
  }

  toQuery(): CursorQuery {
    return {
      channel: this.channel,
      ...(this.after !== undefined && { after: this.after }),
      ...(this.limit !== undefined && { limit: this.limit }),
      ...(this.after !== undefined && this.epoch !== undefined && { epoch: this.epoch }),
      ...(this.after === undefined && this.start !== undefined && { start: this.start }),
    };
  }
}
