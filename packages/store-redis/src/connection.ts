import { EventsError } from '@ganomede/events-protocol';
import { storeClosed } from '@ganomede/events-store';
import calculateSlot from 'cluster-key-slot';
import type { Redis } from 'ioredis';
import { Breaker } from './breaker.js';
import { type Client, callScript, defineScripts, isCluster, scriptText } from './commands.js';
import { connect, nodeName } from './connect.js';
import { foreignServer } from './foreign-server.js';
import { gatherWrites } from './gather-writes.js';
import type { RedisAddress } from './options.js';
import type { Script, ScriptCall } from './scripts/script.js';
import { StallWatch } from './stall-watch.js';
import { failureOf, isRefusal, reasonOf, unavailable } from './unavailable.js';

/** A Redis that is there is connected to within this; after it something else is looked for there. Milliseconds. */
const USUAL_MS = 1_000;

/** Who asks whether Redis can be reached is told within so many milliseconds: less than a second, which is what probes wait. */
const PING_MS = 800;

export interface ConnectionOptions {
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** How long a command may keep the connection silent, milliseconds. Default: none blocks it. */
  readonly blockedMs?: number | undefined;
  /** Called when the connection is lost, and when it is there again. */
  readonly onWarning: (message: string) => void;
}

/** The connections that run commands, and what is known of their servers. */
export class Connection {
  readonly client: Client;
  /** For messages: host and port, without user and password. */
  readonly address: string;
  readonly #breaker: Breaker;
  /** The connection that this one is beside. */
  readonly #main: Connection | undefined;
  readonly #onWarning: (message: string) => void;
  readonly #stallWatches = new Set<StallWatch>();
  #lastError: Error | undefined;
  #sentinelError: Error | undefined;
  #lost = false;
  #closed = false;

  private constructor(
    client: Client,
    address: string,
    { onWarning, blockedMs }: ConnectionOptions,
    main: Connection | undefined,
  ) {
    defineScripts(client);
    this.client = client;
    this.address = address;
    this.#onWarning = onWarning;
    this.#main = main;
    // Nothing holds up a ping on the main connection.
    this.#breaker = new Breaker((node) => (main ?? this).#pingNode(node));
    // ioredis declares `on` for each class apart.
    const emitter = client as NodeJS.EventEmitter;
    emitter.on('error', (error: Error) => {
      this.#lastError = this.#sentinelError ?? (error as { lastNodeError?: Error }).lastNodeError ?? error;
    });
    // Then follows an error that says less.
    emitter.on('sentinelError', (error: Error) => {
      this.#sentinelError = error;
    });
    emitter.on('ready', () => {
      this.#lastError = undefined;
      this.#sentinelError = undefined;
    });
    emitter.on('node error', (error: Error) => {
      this.#lastError = error;
    });
    if (isCluster(client)) client.on('+node', (node: Redis) => this.#adopt(node, blockedMs));
    else this.#adopt(client, blockedMs);
  }

  /**
   * Connects, and resolves once commands can be sent.
   *
   * @throws EventsError `ServiceUnavailable` if Redis cannot be reached in time, or refuses.
   */
  static async open(at: RedisAddress, options: ConnectionOptions, main?: Connection): Promise<Connection> {
    const { client, address, server } = connect(at, options.commandTimeoutMs);
    const connection = new Connection(client, address, options, main);
    const leftMs = options.connectTimeoutMs - USUAL_MS;
    try {
      await connection.#ready(Math.min(USUAL_MS, options.connectTimeoutMs));
    } catch (error) {
      try {
        const foreign = server && (await foreignServer(server));
        if (foreign !== undefined) {
          const message = `Cannot use Redis at ${address}: expected a Redis, found ${foreign}`;
          throw new EventsError('ServiceUnavailable', message, { cause: error });
        }
        if (leftMs <= 0 || isRefusal(connection.#lastError)) throw error;
        options.onWarning(`${(error as Error).message}; waiting for it for ${leftMs} ms`);
        await connection.#ready(leftMs);
      } catch (final) {
        connection.close();
        throw final;
      }
    }
    try {
      await connection.#selectDatabase();
    } catch (error) {
      connection.close();
      throw error;
    }
    connection.#watch();
    return connection;
  }

  /**
   * A second connection to the same place, for commands that block it. If its commands time out this one goes on;
   * if those of this one do, both stop.
   */
  async another(options: Omit<ConnectionOptions, 'onWarning'>): Promise<Connection> {
    return Connection.open({ client: this.client }, { ...options, onWarning: () => {} }, this);
  }

  /** Calls `listener` whenever the connection has been lost and is there again. */
  onReconnect(listener: () => void): void {
    (this.client as NodeJS.EventEmitter).on('ready', listener);
  }

  /**
   * Runs a command on the server of a key; a second time if Redis has said that it did not run it.
   *
   * @throws EventsError `ServiceUnavailable`; `subject` says what could not be done.
   */
  async run<T>(key: string, subject: string, command: (client: Client) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const node = this.nodeOf(key);
      // ioredis cannot send to a slot that nobody serves.
      if (node === undefined) throw this.#closed ? storeClosed() : this.#down();
      this.#checkAnswers(node);
      try {
        return await command(this.client);
      } catch (error) {
        // Of a check like the one above.
        if (error instanceof EventsError) throw error;
        const failure = failureOf(error);
        if (failure === 'refused' && attempt === 1) continue;
        if (failure === 'timeout') this.#breaker.trip(node);
        throw this.#closed ? storeClosed() : unavailable(subject, this.address, error);
      }
    }
  }

  /** Runs a script as `run` does a command, on the server of its keys; `send` if it is sent in another way. */
  async script<Args, Reply>(
    subject: string,
    script: Script<Args, Reply>,
    args: Args,
    send = (call: ScriptCall) => callScript(this.client, script, call),
  ): Promise<Reply> {
    const call = script.encode(args);
    const reply = await this.run(call.keys[0] ?? '', subject, () => send(call));
    return script.decode(reply as never, args);
  }

  /** @throws EventsError `ServiceUnavailable` if the server of a key is known to be away. */
  check(key: string): void {
    const node = this.nodeOf(key);
    if (node === undefined || !this.#nodeMayAnswer(node)) throw this.#down();
    this.#checkAnswers(node);
  }

  /** The servers that take writes. */
  servers(): Redis[] {
    return isCluster(this.client) ? this.client.nodes('master') : [this.client];
  }

  /** What the slowest of the clocks of the servers tells, milliseconds since the Unix epoch; of those that answer. */
  async clock(): Promise<number> {
    const readings = await Promise.allSettled(
      this.servers().map(async (server) => {
        this.#breaker.check(this.#nameOf(server));
        const [seconds, microseconds] = await server.time();
        return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
      }),
    );
    const clocks = readings.flatMap((reading) => (reading.status === 'fulfilled' ? [reading.value] : []));
    if (clocks.length === 0) throw this.#down();
    return Math.min(...clocks);
  }

  /**
   * Rejects with EventsError `ServiceUnavailable`, within a second, if no server answers and takes writes. `check` rejects
   * if a server lacks what else appends need.
   */
  async ping(check: (server: Redis) => Promise<void> = async () => {}): Promise<void> {
    const pings = this.servers().map(async (server) => {
      this.#breaker.check(this.#nameOf(server));
      const takesWrites = server.eval(scriptText({ name: 'take-writes' }), 0).catch((error: unknown) => {
        throw unavailable('write', this.address, error);
      });
      await Promise.all([takesWrites, check(server)]);
    });
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#noAnswer()), PING_MS);
    });
    try {
      await Promise.race([Promise.any(pings), tooLate]);
    } catch (error) {
      if (!(error instanceof AggregateError)) throw error;
      throw error.errors[0] ?? unavailable('ping', this.address, new Error('Connection is closed.'));
    } finally {
      clearTimeout(timer);
    }
  }

  /** The server that has a key, as `host:port`; undefined if it is not known now. */
  nodeOf(key: string): string | undefined {
    if (this.client.status !== 'ready') return undefined;
    return isCluster(this.client) ? this.client.slots[calculateSlot(key)]?.[0] : this.#nameOf(this.client);
  }

  /**
   * Stands for the server that has a key: commands of keys with the same one may share a pipeline.
   *
   * @throws EventsError `ServiceUnavailable` if it is not known now.
   */
  pipelineOf(key: string): string {
    if (this.nodeOf(key) === undefined) throw this.#closed ? storeClosed() : this.#down();
    // As ioredis sees it: the replicas have to be the same ones too.
    return isCluster(this.client)
      ? (this.client.slots[calculateSlot(key)]?.join(';') ?? '')
      : this.#nameOf(this.client);
  }

  /** A connection of its own to a server, for subscriptions. It does not connect again by itself. */
  subscribeTo(node: string): Redis | undefined {
    const server = isCluster(this.client) ? this.#node(node) : this.client;
    const subscriber = server?.duplicate({
      lazyConnect: false,
      enableOfflineQueue: true,
      connectTimeout: 1_000,
      retryStrategy: null,
      // A master's: the cluster sends readers of replicas elsewhere.
      readOnly: false,
    });
    if (subscriber) this.#adopt(subscriber);
    return subscriber;
  }

  /** Looks again which server has which slot; resolves when that is done, or has failed. */
  async refresh(): Promise<void> {
    const { client } = this;
    if (isCluster(client)) await new Promise<void>((resolve) => client.refreshSlotsCache(() => resolve()));
  }

  close(): void {
    this.#closed = true;
    this.#breaker.close();
    for (const watch of this.#stallWatches) watch.stop();
    this.client.disconnect();
  }

  /** ioredis has done so already, but goes on in database 0 if there is none of that number. */
  async #selectDatabase(): Promise<void> {
    const { client } = this;
    const { db = 0 } = isCluster(client) ? {} : client.options;
    if (db > 0) await this.run('', `use database ${db}`, () => (client as Redis).select(db));
  }

  #ready(timeoutMs: number): Promise<void> {
    const emitter = this.client as NodeJS.EventEmitter;
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        emitter.off('ready', ready);
        emitter.off('error', failed);
        settle();
      };
      const fail = () => {
        const reason = this.#lastError ? reasonOf(this.#lastError) : `no answer within ${timeoutMs} ms`;
        reject(
          new EventsError('ServiceUnavailable', `Cannot connect to Redis at ${this.address}: ${reason}`, {
            cause: this.#lastError,
          }),
        );
      };
      const ready = () => end(resolve);
      const failed = () => {
        if (isRefusal(this.#lastError)) end(fail);
      };
      const timer = setTimeout(() => end(fail), timeoutMs);
      emitter.on('ready', ready);
      emitter.on('error', failed);
      if (this.client.status === 'ready') ready();
    });
  }

  #adopt(redis: Redis, blockedMs?: number | undefined): void {
    gatherWrites(redis);
    // A server of a cluster that was cut off leaves the cluster until it is found again.
    const watch = new StallWatch(redis, { blockedMs, onCut: () => void this.refresh() });
    this.#stallWatches.add(watch);
    redis.once('end', () => this.#stallWatches.delete(watch));
  }

  /** Says once that the connection is lost, and once that it is back. */
  #watch(): void {
    const emitter = this.client as NodeJS.EventEmitter;
    emitter.on('close', () => {
      if (this.#lost || this.#closed) return;
      this.#lost = true;
      this.#onWarning(`Lost the connection to Redis at ${this.address}; connecting again`);
    });
    emitter.on('ready', () => {
      if (!this.#lost) return;
      this.#lost = false;
      this.#onWarning(`Connected to Redis at ${this.address} again`);
    });
  }

  /** Sentinels may name another server each time. */
  #nameOf({ options, stream }: Redis): string {
    if (isCluster(this.client)) return nodeName(options);
    return options.sentinels?.length ? `${stream?.remoteAddress}:${stream?.remotePort}` : this.address;
  }

  #node(node: string): Redis | undefined {
    if (!isCluster(this.client)) return this.client;
    return this.client.nodes('master').find(({ options }) => nodeName(options) === node);
  }

  #checkAnswers(node: string): void {
    if (this.#main) this.#main.#breaker.check(node);
    this.#breaker.check(node);
  }

  #down(): EventsError {
    const reason = this.#lastError ? `: ${this.#lastError.message}` : '';
    return new EventsError(
      'ServiceUnavailable',
      `The connection to Redis at ${this.address} is down${reason}`,
      this.#lastError && { cause: this.#lastError },
    );
  }

  #noAnswer(): EventsError {
    return new EventsError(
      'ServiceUnavailable',
      `Redis at ${this.address} does not answer within ${PING_MS} ms`,
    );
  }

  #nodeMayAnswer(node: string): boolean {
    const status = this.#node(node)?.status;
    return status !== undefined && status !== 'end' && status !== 'close' && status !== 'reconnecting';
  }

  async #pingNode(node: string): Promise<void> {
    // A server that has left the cluster: nobody asks it any more.
    await this.#node(node)?.ping();
  }
}
