import { UNNOTED } from '../events/epochs.js';
import { EventPage } from '../events/event-page.js';
import type { ChannelScope } from '../storage.js';
import type { LiveChannel } from './live-channels.js';
import type { LiveTail } from './live-tail.js';
import { LookAndWait, type WaitingRoom } from './look-and-wait.js';

/** Where to read: events of `channel` (a name as on the wire, `channel:type` included) with id > `after`. */
export interface ReadCursor {
  readonly channel: string;
  /** Id of the last event already seen; 0 for the start. */
  readonly after: number;
  /** The epoch of the page that it came with; undefined if it is not known. */
  readonly epoch?: string | undefined;
  /** Most events to return, at least 1. */
  readonly limit: number;
}

/** What a poll needs of its store. */
export interface PollSource extends WaitingRoom {
  /** Events after a cursor, which may be taken back; the page has seen everything up to its `lastId`. */
  read(scope: ChannelScope, cursor: Omit<ReadCursor, 'channel'>): Promise<EventPage>;
}

/**
 * A read that waits if there is nothing new: one object from the request to the answer. A subclass says what to do with
 * the page that it finds. What the tail of the channel holds already is answered at once. Once it has ended it can be
 * started again.
 */
export abstract class Poll extends LookAndWait<EventPage> {
  /** What was asked for, or where that was taken back to. */
  #from = 0;
  /** A poll that has found nothing goes on behind what it has looked through. */
  #after = 0;
  /** The epoch by which both are judged. */
  #epoch: string | undefined;
  #rewoundTo: number | undefined;
  #rewoundFrom: string | undefined;
  #limit = 0;
  #type: string | undefined;
  #source: PollSource | undefined;
  /** What the last look has found: nothing. */
  #empty: EventPage | undefined;

  /** Called by the store that it is started at. */
  start(source: PollSource, scope: ChannelScope, cursor: ReadCursor): void {
    const { after, epoch, limit } = cursor;
    this.#source = source;
    this.#type = scope.type;
    this.#from = after;
    this.#after = after;
    this.#epoch = epoch;
    this.#rewoundTo = undefined;
    this.#rewoundFrom = undefined;
    this.#empty = undefined;
    this.#limit = limit;
    if (this.timeoutMs > 0) this.begin(source, scope.channel);
    else
      source.read(scope, { after, epoch, limit }).then(
        (page) => {
          this.#tellRewind(page);
          this.found(page);
        },
        (error: unknown) => this.failed(error),
      );
  }

  /** If it was taken back: the epoch by which it was. */
  protected get rewoundFrom(): string | undefined {
    return this.#rewoundFrom;
  }

  /** Where the page that was found begins: what lies between the cursor and here is not of the channel name. */
  protected get lookedThrough(): number {
    return this.#after;
  }

  /** Whether the wait ends with this page. */
  protected isFound(page: EventPage): boolean {
    return page.count > 0;
  }

  protected override peek({ tail }: LiveChannel): EventPage | undefined {
    const kept = this.#keptIn(tail);
    return kept !== undefined && kept.count > 0 ? kept : undefined;
  }

  protected override async look(channel: LiveChannel): Promise<EventPage | undefined> {
    const { tail, resets, isReady } = channel;
    const kept = this.#keptIn(tail);
    const page = kept ?? (await this.#readTogether(channel));
    const isCurrent = isReady && channel.resets === resets;
    if (kept === undefined) {
      if (this.#goesBack(page.epochs?.current, page.rewoundTo)) return this.look(channel);
      this.#tellRewind(page);
    }
    if (page.count > 0 && kept === undefined && isCurrent) remember(tail, this.#after, this.#type, page);
    const found = page.withRewoundTo(this.#rewoundTo);
    if (this.isFound(found)) return found;
    this.#empty = page;
    // If what was notified meanwhile is of another epoch everybody looks again.
    if (isCurrent && channel.start(page)) {
      // Nothing of ours lies up to here: a typed cursor need not read it again.
      this.#after = page.lastId;
      this.#epoch = page.epochs?.current || undefined;
    }
    return undefined;
  }

  protected override isOutdated({ tail }: LiveChannel): boolean {
    return tail.started && (tail.lastId > this.#after || tail.epoch !== (this.#epoch ?? ''));
  }

  protected override nothing(): EventPage {
    const empty = this.#empty ?? new EventPage([], { firstId: 0, lastId: this.#after });
    return empty.withRewoundTo(this.#rewoundTo);
  }

  #keptIn(tail: LiveTail): EventPage | undefined {
    if (tail.started) this.#goesBack(tail.epoch);
    const kept = tail.read(this.#after, this.#epoch, this.#limit, this.#type);
    return kept?.withRewoundTo(this.#rewoundTo);
  }

  /**
   * Whether it has to look again from the start: a store that came back older may hold events once more that were
   * dropped when they were looked through.
   */
  #goesBack(epoch: string | undefined, rewoundTo?: number): boolean {
    if (this.#after === this.#from) return false;
    if ((epoch ?? '') === (this.#epoch ?? '') && rewoundTo === undefined) return false;
    this.#after = this.#from;
    return true;
  }

  /** It goes on where the store says. */
  #tellRewind({ rewoundTo, epoch }: EventPage): void {
    if (rewoundTo === undefined) return;
    this.#rewoundTo = rewoundTo;
    this.#rewoundFrom ??= this.#epoch ?? UNNOTED;
    this.#from = rewoundTo;
    this.#after = rewoundTo;
    this.#epoch = epoch || undefined;
  }

  /** Joins those who read the store at the same cursor. */
  #readTogether(live: LiveChannel): Promise<EventPage> {
    const source = this.#source as PollSource;
    const cursor = { after: this.#after, epoch: this.#epoch, limit: this.#limit };
    const type = this.#type;
    return live.share(`${cursor.after} ${cursor.epoch ?? '?'} ${cursor.limit} ${type ?? ''}`, () =>
      source.read({ channel: live.name, type }, cursor),
    );
  }
}

/** Others may catch up behind this one. */
function remember(tail: LiveTail, after: number, type: string | undefined, page: EventPage): void {
  if (!tail.started) tail.start(page);
  if (type === undefined) tail.adopt(after, page);
}
