import { EventsError } from '@ganomede/events-protocol';
import { type StorageListener, type Subscriptions, storeClosed } from '@ganomede/events-store';
import type { Redis } from 'ioredis';
import { ChannelEnds } from './channel-ends.js';
import type { Connection } from './connection.js';
import { type Keys, parseGroupName } from './keys.js';
import { parseNotification } from './parse-notification.js';

/** How long a first subscription may take before it is given up, milliseconds. */
const CONFIRM_MS = 2_000;
/** Between attempts to subscribe again, milliseconds: doubled up to the longest while there is no success. */
const RETRY_MS = 50;
const LONGEST_RETRY_MS = 500;

interface Subscription {
  readonly channel: string;
  readonly name: string;
  /** The server that it was placed on; undefined while it is to be placed. */
  node: string | undefined;
  /** The newest attempt to place it is the one that counts. */
  attempt: number;
  settle(error?: Error): void;
}

/**
 * Sharded pub/sub on connections of its own: one to each server that has a subscribed channel. A connection that
 * is lost, and a channel that has moved, are subscribed again and confirmed again; ioredis would subscribe
 * again by itself, but not say when that is done.
 */
export class Subscriber implements Subscriptions {
  readonly checkEveryMs: number;
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #servers = new Map<string, Redis>();
  readonly #displaced = new Set<Subscription>();
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS;
  readonly #channelEnds: ChannelEnds;
  #listener: StorageListener | undefined;
  #closed = false;

  constructor(connection: Connection, keys: Keys, checkEveryMs: number) {
    this.#connection = connection;
    this.#keys = keys;
    this.checkEveryMs = checkEveryMs;
    this.#channelEnds = new ChannelEnds(connection, keys);
    connection.onReconnect(() => this.#followConnection());
  }

  /** Every channel is told as missed when it is subscribed: what came before may have been. */
  listen(listener: StorageListener): void {
    this.#listener = listener;
  }

  /** Rejects with EventsError `ServiceUnavailable` if it is not confirmed within two seconds. */
  subscribe(channel: string): Promise<void> {
    if (this.#closed) return Promise.reject(storeClosed());
    const name = this.#keys.notifications(channel);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const what = `Cannot subscribe to channel ${JSON.stringify(channel)} on Redis at ${this.#connection.address}`;
        reject(new EventsError('ServiceUnavailable', `${what}: no answer within ${CONFIRM_MS} ms`));
      }, CONFIRM_MS);
      const subscription: Subscription = {
        channel,
        name,
        node: undefined,
        attempt: 0,
        settle: (error) => {
          clearTimeout(timer);
          if (error) reject(error);
          else resolve();
        },
      };
      this.#subscriptions.set(name, subscription);
      void this.#place(subscription);
    });
  }

  unsubscribe(channel: string): void {
    const name = this.#keys.notifications(channel);
    const subscription = this.#subscriptions.get(name);
    if (subscription === undefined) return;
    this.#subscriptions.delete(name);
    this.#displaced.delete(subscription);
    subscription.settle(storeClosed());
    const server = subscription.node === undefined ? undefined : this.#servers.get(subscription.node);
    server?.sunsubscribe(name).catch(() => {});
  }

  readonly ends = (channels: readonly string[]) => this.#channelEnds.read(channels);

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    for (const subscription of this.#subscriptions.values()) subscription.settle(storeClosed());
    this.#subscriptions.clear();
    this.#displaced.clear();
    for (const server of this.#servers.values()) server.disconnect();
    this.#servers.clear();
  }

  #tell(channel: string, message: Buffer): void {
    const { firstId, appended, epoch, events, released } = parseNotification(message);
    if (released !== undefined) {
      this.#listener?.released(parseGroupName(channel, released));
      return;
    }
    if (events.length > 0) {
      this.#listener?.appended(channel, events, epoch, firstId);
      return;
    }
    // Too large to be told, or redacted: everybody reads them.
    if (appended) this.#listener?.missed(channel);
    this.#listener?.trimmed(channel, firstId);
  }

  async #place(subscription: Subscription): Promise<void> {
    const { name, channel } = subscription;
    const attempt = ++subscription.attempt;
    const node = this.#connection.nodeOf(name);
    const server = node === undefined ? undefined : this.#server(node);
    subscription.node = server && node;
    const confirmed = await server?.ssubscribe(name).then(
      () => true,
      () => false,
    );
    if (this.#subscriptions.get(name) !== subscription || subscription.attempt !== attempt) return;
    if (!confirmed || subscription.node === undefined) return this.#displace(subscription);
    this.#retryMs = RETRY_MS;
    this.#listener?.missed(channel);
    subscription.settle();
  }

  #displace(subscription: Subscription): void {
    if (this.#closed) return;
    subscription.node = undefined;
    this.#displaced.add(subscription);
    if (this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
      const displaced = [...this.#displaced];
      this.#displaced.clear();
      for (const each of displaced) void this.#place(each);
    }, this.#retryMs).unref();
    void this.#connection.refresh();
  }

  #server(node: string): Redis | undefined {
    const known = this.#servers.get(node);
    if (known) return known;
    const server = this.#connection.subscribeTo(node);
    if (server === undefined) return undefined;
    this.#servers.set(node, server);
    server.on('error', () => {});
    // A slot has left this server.
    server.on('moved', () => this.#displaceFrom(node));
    server.on('end', () => this.#leave(node, server));
    server.on('smessageBuffer', (name: Buffer, message: Buffer) => {
      const subscription = this.#subscriptions.get(name.toString());
      if (subscription) this.#tell(subscription.channel, message);
    });
    return server;
  }

  /** Sentinels may have led the connection to another server: what is appended there is told there. */
  #followConnection(): void {
    const placed = [...this.#subscriptions.values()];
    for (const [node, server] of this.#servers) {
      const here = placed.filter((subscription) => subscription.node === node);
      if (here.length > 0 && here.every(({ name }) => this.#connection.nodeOf(name) === node)) continue;
      server.disconnect();
      this.#leave(node, server);
    }
  }

  #leave(node: string, server: Redis): void {
    if (this.#servers.get(node) !== server) return;
    this.#servers.delete(node);
    this.#displaceFrom(node);
  }

  #displaceFrom(node: string): void {
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.node === node) this.#displace(subscription);
    }
  }
}
