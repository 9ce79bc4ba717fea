import { EventsError } from '@ganomede/events-protocol';
import type { Scheduler } from 'fast-check';
import { MemoryStorage } from '../../src/memory/memory-storage.js';
import type { ChannelEnd, Storage, StorageListener, Subscriptions, TrimLimits } from '../../src/storage.js';
import { History } from './history.js';

/** What the engine tells of a channel. */
type Notification = (listener: StorageListener) => void;

/**
 * A memory engine that several processes share, as a Redis is shared, in a world that a scheduler of fast-check decides
 * about: when a call arrives, when its answer comes back, when which notification is told. Calls may overtake each other,
 * and so may the notifications of different channels; each may be lost.
 */
export class SharedMemory {
  readonly #scheduler: Scheduler;
  readonly #checkEveryMs: number;
  readonly #links = new Set<Link>();
  #engine = new MemoryStorage();
  #backup: { readonly engine: MemoryStorage; readonly history: History } | undefined;
  /** From one rewind to the next. */
  readonly histories: History[] = [new History()];
  /** What must not have happened. */
  readonly violations: Error[] = [];

  /** `checkEveryMs`: how often each process looks for notifications that were lost. */
  constructor(scheduler: Scheduler, checkEveryMs: number) {
    this.#scheduler = scheduler;
    this.#checkEveryMs = checkEveryMs;
    this.#listen();
  }

  /** What it was given since it was last rewound, and before the copy that it was rewound to. */
  get history(): History {
    return this.histories.at(-1) as History;
  }

  /** Drops what is too much, as the sweep of another process does. */
  trim(channel: string, limits: TrimLimits): Promise<void> {
    return this.#engine.channels.trim(channel, limits);
  }

  backUp(): void {
    this.#backup = { engine: new MemoryStorage(this.#engine), history: new History(this.history) };
  }

  /** Goes back to the last backup, to nothing if there is none. With `isNoticed` every process loses its connection by it. */
  rewind(isNoticed: boolean): void {
    this.#engine = new MemoryStorage(this.#backup?.engine);
    this.histories.push(new History(this.#backup?.history));
    this.#listen();
    if (isNoticed) for (const link of this.#links) link.loseConnections();
  }

  /** The way of one process to the engine. */
  connect(name: string): Link {
    const link = new Link(
      name,
      () => this.#engine,
      this.#scheduler,
      this.#checkEveryMs,
      (error) => this.violations.push(error),
    );
    this.#links.add(link);
    return link;
  }

  #listen(): void {
    const { history } = this;
    this.#engine.listen({
      appended: (channel, events, epoch, firstId) => {
        const told = [...events];
        const logged = told.map(({ id, type, json }) => ({ id, type, json: json.toString() }));
        history.appended(channel, logged, firstId);
        this.#notify(channel, (listener) => listener.appended(channel, told, epoch, firstId));
      },
      trimmed: (channel, firstId) => {
        history.trimmed(channel, firstId);
        this.#notify(channel, (listener) => listener.trimmed(channel, firstId));
      },
      released: () => {},
      missed: (channel) => this.#notify(channel, (listener) => listener.missed(channel)),
    });
  }

  #notify(channel: string, notification: Notification): void {
    for (const link of this.#links) link.notify(channel, notification);
  }
}

/** What one process has of a shared engine: a `Storage` whose every call and notification the scheduler decides about. */
export class Link implements Storage {
  readonly subscriptions: Subscriptions;
  readonly #name: string;
  readonly #engine: () => MemoryStorage;
  readonly #scheduler: Scheduler;
  readonly #violated: (error: Error) => void;
  #listener: StorageListener | undefined;
  #isAway = false;
  #isClosed = false;
  /** How often calls that were under way were lost. */
  #losses = 0;
  /** Channels that the process wants to hear of, and whether the engine tells it now. */
  readonly #subscribed = new Map<string, { isPlaced: boolean }>();
  /** What is to be told, in order, by channel. */
  readonly #mail = new Map<string, Notification[]>();

  constructor(
    name: string,
    engine: () => MemoryStorage,
    scheduler: Scheduler,
    checkEveryMs: number,
    violated: (error: Error) => void,
  ) {
    this.#name = name;
    this.#engine = engine;
    this.#scheduler = scheduler;
    this.#violated = violated;
    this.subscriptions = {
      checkEveryMs,
      subscribe: (channel) => this.#subscribe(channel),
      unsubscribe: (channel) => void this.#subscribed.delete(channel),
      ends: (channels) => this.#ends(channels).catch(() => channels.map(() => undefined)),
    };
  }

  listen(listener: StorageListener): void {
    this.#listener = listener;
  }

  readonly append: Storage['append'] = (append) =>
    this.#call(`append to ${append.channel}`, () => this.#engine().append(append));

  readonly scan: Storage['scan'] = (scan) =>
    this.#call(`scan ${scan.channel}`, () => this.#engine().scan(scan));

  readonly eventsById: Storage['eventsById'] = (channel, ids) =>
    this.#call(`read events of ${channel}`, () => this.#engine().eventsById(channel, ids));

  get cursors() {
    return this.#engine().cursors;
  }

  get groups() {
    return this.#engine().groups;
  }

  get indices() {
    return this.#engine().indices;
  }

  get channels() {
    return this.#engine().channels;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#losses++;
    this.#subscribed.clear();
    this.#mail.clear();
  }

  /** The engine tells it something, which comes some time. */
  notify(channel: string, notification: Notification): void {
    if (!this.#subscribed.get(channel)?.isPlaced) return;
    const mail = this.#mail.get(channel) ?? [];
    this.#mail.set(channel, mail);
    mail.push(notification);
    void this.#happens(`${this.#name} hears of ${channel}`).then(() => {
      // Of each channel in order, so this is not always the one that has been scheduled with it.
      const next = mail.shift();
      // One that was under way when the channel was given up may come when it is subscribed to again.
      if (next && this.#listener && this.#subscribed.has(channel)) next(this.#listener);
    });
  }

  /** The next notification of the channel is lost, and nobody notices. */
  loseNotification(channel: string): void {
    this.#mail.get(channel)?.shift();
  }

  /** Something makes the engine believe that notifications were lost. */
  doubt(channel: string): void {
    if (this.#subscribed.has(channel)) this.#listener?.missed(channel);
  }

  /** Notifications are lost until the engine has been subscribed to again, which is told. */
  loseSubscriptions(): void {
    for (const [channel, subscription] of this.#subscribed) {
      const wasPlaced = subscription.isPlaced;
      subscription.isPlaced = false;
      this.#mail.get(channel)?.splice(0);
      if (wasPlaced && !this.#isAway) void this.#resubscribe(channel, subscription);
    }
  }

  /** Calls and answers that are under way are lost, and so are notifications, likewise. */
  loseConnections(): void {
    this.#losses++;
    this.loseSubscriptions();
  }

  /** The same, and later calls fail. */
  goAway(): void {
    this.#isAway = true;
    this.loseConnections();
  }

  comeBack(): void {
    if (!this.#isAway || this.#isClosed) return;
    this.#isAway = false;
    for (const [channel, subscription] of this.#subscribed) void this.#resubscribe(channel, subscription);
  }

  #subscribe(channel: string): Promise<void> {
    const subscription = { isPlaced: false };
    this.#subscribed.set(channel, subscription);
    return this.#call(`subscribe to ${channel}`, async () => {
      subscription.isPlaced = true;
    });
  }

  #ends(channels: readonly string[]): Promise<ChannelEnd[]> {
    return this.#call('ends of channels', () => this.#engine().channels.ends(channels));
  }

  async #resubscribe(channel: string, subscription: { isPlaced: boolean }): Promise<void> {
    await this.#happens(`${this.#name} subscribes again to ${channel}`);
    if (this.#isAway || this.#subscribed.get(channel) !== subscription) return;
    const losses = this.#losses;
    subscription.isPlaced = true;
    await this.#happens(`${this.#name} has subscribed again to ${channel}`);
    const isSame = this.#losses === losses && this.#subscribed.get(channel) === subscription;
    if (isSame && subscription.isPlaced) this.#listener?.missed(channel);
  }

  /** On the engine it is one step; before it lies the way there, behind it the way back. */
  async #call<T>(what: string, step: () => Promise<T>): Promise<T> {
    if (this.#isClosed) this.#violated(new Error(`${this.#name} was called after it was closed: ${what}`));
    const losses = this.#losses;
    const away = () => new EventsError('ServiceUnavailable', `${this.#name} is away: ${what}`);
    if (this.#isAway) throw away();
    await this.#happens(`${this.#name} calls: ${what}`);
    if (this.#losses !== losses) throw away();
    const answer = await step();
    await this.#happens(`${this.#name} is answered: ${what}`);
    if (this.#losses !== losses) throw away();
    return answer;
  }

  #happens(what: string): Promise<void> {
    return this.#scheduler.schedule(Promise.resolve(), what);
  }
}
