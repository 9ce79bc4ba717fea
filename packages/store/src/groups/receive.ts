import type { Start } from '@ganomede/events-protocol';
import type { LiveChannel } from '../waiting/live-channels.js';
import { LookAndWait, type WaitingRoom } from '../waiting/look-and-wait.js';
import type { Dispatcher, ReceivedEvent } from './dispatcher.js';
import { nameOf, unknownGroup } from './group-settings.js';
import type { GroupScope, Settlement, Take } from './group-storage.js';

/** What a receive resolves with. */
export interface Received {
  /** Ascending by id. */
  readonly events: readonly ReceivedEvent[];
  /** Of each settlement that came along whether it held. */
  readonly settled: readonly boolean[];
}

export interface ReceiveRequest {
  readonly scope: GroupScope;
  readonly take: Take;
  /** Where the group begins if there is none. */
  readonly start: Start | undefined;
  readonly settle: readonly Settlement[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A receive that waits if nothing is to be handed out. What it says is settled at its first look. */
export class Receive extends LookAndWait<Received> {
  /** Rejects if the store failed before it could wait. */
  readonly received: Promise<Received>;
  readonly #request: ReceiveRequest;
  readonly #dispatcher: Dispatcher;
  #resolve!: (received: Received) => void;
  #reject!: (error: unknown) => void;
  /** Undefined before the first look. */
  #settled: readonly boolean[] | undefined;
  #releases = -1;
  #resets = 0;
  #seen = 0;
  #epoch = '';
  /** When something is due, by `performance.now()`. */
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(request: ReceiveRequest, dispatcher: Dispatcher) {
    super(request.timeoutMs);
    this.#request = request;
    this.#dispatcher = dispatcher;
    this.received = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  start(room: WaitingRoom): void {
    const { signal, scope } = this.#request;
    if (signal?.aborted) this.stop();
    else signal?.addEventListener('abort', this, { once: true });
    if (this.timeoutMs > 0) this.begin(room, scope.channel);
    else
      this.#ask(undefined, true).then(
        (found) => this.found(found ?? this.nothing()),
        (error: unknown) => this.failed(error),
      );
  }

  override isOf({ type, group }: GroupScope): boolean {
    const { scope } = this.#request;
    return scope.group === group && scope.type === type;
  }

  /** Called by the signal. */
  handleEvent(): void {
    this.stop();
  }

  override found(received: Received): void {
    const { signal } = this.#request;
    signal?.removeEventListener('abort', this);
    if (!signal?.aborted || received.events.length === 0) {
      this.#resolve(received);
      return;
    }
    // Nobody is there to work on them. Not before that is known: the store may be closed then.
    void this.#giveBack(received.events).then(() => this.#resolve({ ...received, events: [] }));
  }

  override failed(error: unknown): void {
    this.#request.signal?.removeEventListener('abort', this);
    this.#reject(error);
  }

  /** Only the engine knows what is due. */
  protected override peek(): undefined {
    return undefined;
  }

  protected override async look(channel: LiveChannel): Promise<Received | undefined> {
    const isSure =
      this.#settled === undefined ||
      channel.releases !== this.#releases ||
      channel.resets !== this.#resets ||
      performance.now() >= this.#dueAt;
    this.#releases = channel.releases;
    this.#resets = channel.resets;
    return this.#ask(channel, isSure);
  }

  async #ask(live: LiveChannel | undefined, isSure: boolean): Promise<Received | undefined> {
    const { scope, take, start } = this.#request;
    const isFirst = this.#settled === undefined;
    const settle = isFirst ? this.#request.settle : [];
    // A group that somebody has deleted is not to come back by those who wait, nor by those who were given events before.
    const creates = isFirst && settle.length === 0;
    const answer = await this.#dispatcher.ask({ scope, take, creates, start, settle, live, isSure });
    if (answer === undefined) throw unknownGroup(scope, nameOf(scope));
    const { settled, events, dueInMs, seen, epoch } = answer;
    this.#settled ??= settled;
    this.#dueAt = performance.now() + (dueInMs ?? Number.POSITIVE_INFINITY);
    this.#seen = seen;
    this.#epoch = epoch;
    return events.length > 0 ? { events, settled: this.#settled } : undefined;
  }

  protected override isOutdated({ tail, releases }: LiveChannel): boolean {
    if (releases !== this.#releases || performance.now() >= this.#dueAt) return true;
    if (!tail.started || this.#seen === Number.POSITIVE_INFINITY) return false;
    return tail.lastId > this.#seen || tail.epoch !== this.#epoch;
  }

  protected override lookAgainInMs(): number {
    return Math.max(this.#dueAt - performance.now(), 0);
  }

  protected override nothing(): Received {
    return { events: [], settled: this.#settled ?? [] };
  }

  /** Does not reject. */
  async #giveBack(events: readonly ReceivedEvent[]): Promise<void> {
    const settle = events.map(
      ({ id, delivery: { token } }): Settlement => ({ kind: 'release', id, token, uncounted: true }),
    );
    const { scope } = this.#request;
    try {
      await this.#dispatcher.ask({
        scope,
        settle,
        take: undefined,
        creates: false,
        live: undefined,
        isSure: true,
      });
    } catch {
      // The store is away: their leases end.
    }
  }
}
