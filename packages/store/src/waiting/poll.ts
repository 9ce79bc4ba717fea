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
  /** Most events to return, at least 1. */
  readonly limit: number;
}

/** What a poll needs of its store. */
export interface PollSource extends WaitingRoom {
  /** Events after a cursor; the page has seen everything up to its `lastId`. */
  scan(scope: ChannelScope & Pick<ReadCursor, 'after' | 'limit'>): Promise<EventPage>;
}

/**
 * A read that waits if there is nothing new: one object from the request to the answer. A subclass says what to do with
 * the page that it finds. What the tail of the channel holds already is answered at once.
 */
export abstract class Poll extends LookAndWait<EventPage> {
  /** A poll that has found nothing goes on behind what it has looked through. */
  #after = 0;
  #limit = 0;
  #type: string | undefined;
  #source: PollSource | undefined;
  /** What the last look has found: nothing. */
  #empty: EventPage | undefined;

  /** Called by the store that it is started at. */
  start(source: PollSource, { channel, type }: ChannelScope, { after, limit }: ReadCursor): void {
    this.#source = source;
    this.#type = type;
    this.#after = after;
    this.#limit = limit;
    if (this.timeoutMs > 0) this.begin(source, channel);
    else
      source.scan({ channel, type, after, limit }).then(
        (page) => this.found(page),
        (error: unknown) => this.failed(error),
      );
  }

  protected override peek({ tail }: LiveChannel): EventPage | undefined {
    const kept = tail.read(this.#after, this.#limit, this.#type);
    return kept !== undefined && kept.count > 0 ? kept : undefined;
  }

  protected override async look(channel: LiveChannel): Promise<EventPage | undefined> {
    const { tail, resets, isReady } = channel;
    const after = this.#after;
    const kept = tail.read(after, this.#limit, this.#type);
    const page = kept ?? (await this.#readTogether(channel, after));
    const isCurrent = isReady && channel.resets === resets;
    if (page.count > 0) {
      if (kept === undefined && isCurrent) remember(tail, after, this.#type, page);
      return page;
    }
    this.#empty = page;
    if (isCurrent) {
      channel.start(page);
      // Nothing of ours lies up to here: a typed cursor need not read it again. A cursor ahead of the store goes back to
      // where the store is.
      this.#after = page.lastId;
    }
    return undefined;
  }

  protected override isOutdated({ tail }: LiveChannel): boolean {
    return tail.lastId > this.#after;
  }

  protected override nothing(): EventPage {
    return this.#empty ?? new EventPage([], { firstId: 0, lastId: this.#after });
  }

  /** Joins those who read the store at the same cursor. */
  #readTogether(live: LiveChannel, after: number): Promise<EventPage> {
    const source = this.#source as PollSource;
    const limit = this.#limit;
    const type = this.#type;
    return live.share(`${after} ${limit} ${type ?? ''}`, () =>
      source.scan({ channel: live.name, type, after, limit }),
    );
  }
}

/** Others may catch up behind this one. */
function remember(tail: LiveTail, after: number, type: string | undefined, page: EventPage): void {
  if (!tail.started) tail.start(page);
  if (type === undefined) tail.adopt(after, page);
}
