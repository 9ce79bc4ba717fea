import { checkText } from './checks.js';

/** How far a channel was read. `null` is the same as leaving it out. */
export interface CursorPosition {
  /** Id of the last event already seen; without it the server goes on from the cursor that it has saved. */
  after?: number | null | undefined;
  /** The most events that one request returns; without it the server decides (100). */
  limit?: number | null | undefined;
  /** What the server called the epoch of that event, if it did; see `StoreRewound`. */
  epoch?: string | null | undefined;
}

/** As `CursorPosition`, of a reader. */
interface ReaderPosition extends CursorPosition {
  /** Where to go on if there is no `after`, and the server has saved no cursor; see `ClientOptions.start`. */
  start?: string | undefined;
}

/** A cursor as query parameters; what is not known is not there. */
export interface CursorQuery {
  channel: string;
  after?: number;
  limit?: number;
  epoch?: string;
}

/** Where a consumer is in a channel. Immutable. */
export class Cursor {
  readonly channel: string;
  readonly after: number | undefined;
  readonly limit: number | undefined;
  readonly epoch: string | undefined;
  readonly start: string | undefined;

  /** @throws TypeError if `channel` is not a non-empty string. */
  constructor(channel: string, { after, limit, epoch, start }: ReaderPosition = {}) {
    checkText('channel', channel);
    this.channel = channel;
    this.after = after ?? undefined;
    this.limit = limit ?? undefined;
    this.epoch = epoch ?? undefined;
    this.start = start;
  }
}
