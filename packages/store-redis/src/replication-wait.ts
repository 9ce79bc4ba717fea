import { setImmediate } from 'node:timers/promises';
import { EventsError } from '@ganomede/events-protocol';
import { Batchers } from '@ganomede/events-store';
import type { ChainableCommander, Redis } from 'ioredis';
import { scriptHash, scriptText } from './commands.js';
import type { Connection, ConnectionOptions } from './connection.js';
import { countReplicas } from './replicas.js';
import { append } from './scripts/append.js';
import type { ScriptCall } from './scripts/script.js';
import { TooFewReplicas, unavailable } from './unavailable.js';

/** Bounds of what waits together, so that its commands are run well within the time that a command may take. */
const MAX_TOGETHER = { items: 1_000, bytes: 4 * 1024 * 1024 };

export interface ReplicationSettings {
  /** Replicas that have to have an append before it resolves. */
  readonly minReplicas: number;
  /** How long it waits for them, milliseconds, at least 1: Redis takes 0 for ever. */
  readonly replicaTimeoutMs: number;
}

/** A call of the append script that waits for its turn. */
interface QueuedCall extends ScriptCall {
  readonly bytes: number;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What ioredis declares with fewer kinds of arguments than it takes: lists are flattened. */
interface Pipeline extends Pick<ChainableCommander, 'wait' | 'exec'> {
  eval(text: string, numberOfKeys: number, keys: readonly string[], args: readonly string[]): unknown;
  evalsha(hash: string, numberOfKeys: number, keys: readonly string[], args: readonly string[]): unknown;
}

/**
 * Runs appends that have to be on replicas, on a connection of its own. `WAIT` holds up its connection, and is
 * about everything that was written there before: one pipeline has the calls of all channels of one server, and one
 * `WAIT` for all of them. What comes while it waits shares the next pipeline.
 */
export class ReplicationWait {
  readonly connection: Connection;
  readonly #settings: ReplicationSettings;
  /** By server. */
  readonly #queues = new Batchers<QueuedCall>(
    (server, calls) => this.#runTogether(server, calls),
    MAX_TOGETHER,
  );
  /** Servers that know the script. */
  readonly #loaded = new Set<string>();

  private constructor(connection: Connection, settings: ReplicationSettings) {
    this.connection = connection;
    this.#settings = settings;
  }

  /** Connects beside the `main` connection. */
  static async open(
    main: Connection,
    settings: ReplicationSettings,
    { connectTimeoutMs, commandTimeoutMs }: Pick<ConnectionOptions, 'connectTimeoutMs' | 'commandTimeoutMs'>,
  ): Promise<ReplicationWait> {
    const connection = await main.another({
      connectTimeoutMs,
      // It may wait for the replicas in full and then has the time of any command left.
      commandTimeoutMs: commandTimeoutMs + settings.replicaTimeoutMs,
      blockedMs: settings.replicaTimeoutMs,
    });
    return new ReplicationWait(connection, settings);
  }

  /**
   * @throws EventsError `ServiceUnavailable` if a server has too few replicas now. It is asked on the connection given: the
   * one of the appends may be waiting.
   */
  async check(server: Redis): Promise<void> {
    const { address } = this.connection;
    const { minReplicas } = this.#settings;
    const info = await server.info('replication').catch((error: unknown) => {
      throw unavailable('count replicas', address, error);
    });
    const replicas = countReplicas(info) ?? minReplicas;
    if (replicas >= minReplicas) return;
    throw new EventsError(
      'ServiceUnavailable',
      `Cannot append on Redis at ${address}: expected ${minReplicas} replica(s) that answer, got ${replicas}`,
    );
  }

  close(): void {
    this.connection.close();
  }

  /** Resolves with the reply of the script once enough replicas have what it has written. `bytes`: its size, about. */
  run({ keys, args }: ScriptCall, bytes: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#push({ keys, args, bytes, resolve, reject }));
  }

  #push(call: QueuedCall): void {
    const [channel = ''] = call.keys;
    try {
      this.#queues.push(this.connection.pipelineOf(channel), call);
    } catch (error) {
      call.reject(error);
    }
  }

  async #runTogether(server: string, queued: readonly QueuedCall[]): Promise<void> {
    const calls = queued.filter((call) => this.#isAt(server, call));
    if (calls.length > 0) await this.#write(server, calls);
    // Whoever appends again at once shares the next pipeline.
    await setImmediate();
  }

  /** While a call has waited for its turn its server may have begun to hang, or its channel may have moved. */
  #isAt(server: string, call: QueuedCall): boolean {
    const [channel = ''] = call.keys;
    try {
      this.connection.check(channel);
      if (this.connection.pipelineOf(channel) === server) return true;
      this.#push(call);
    } catch (error) {
      call.reject(error);
    }
    return false;
  }

  async #write(server: string, calls: readonly QueuedCall[]): Promise<void> {
    const { minReplicas, replicaTimeoutMs } = this.#settings;
    // In one pipeline: a `WAIT` by itself would be sent to any server of a cluster, which then answers for itself.
    const pipeline = this.connection.client.pipeline() as Pipeline;
    for (const [i, { keys, args }] of calls.entries()) {
      // Not as a command of ioredis: if Redis has lost the script it would send it again, behind the `WAIT`.
      if (i > 0 || this.#loaded.has(server)) pipeline.evalsha(scriptHash(append), keys.length, keys, args);
      else pipeline.eval(scriptText(append), keys.length, keys, args);
    }
    pipeline.wait(minReplicas, replicaTimeoutMs);
    try {
      const results = (await pipeline.exec()) ?? [];
      const [unconfirmed, replicas] = results[calls.length] ?? [];
      const missing = this.#missing(unconfirmed, Number(replicas));
      this.#loaded.add(server);
      for (const [i, call] of calls.entries()) {
        const [failed, reply] = results[i] ?? [];
        if (failed) this.#refused(server, call, failed);
        else if (missing) call.reject(missing);
        else call.resolve(reply);
      }
    } catch (error) {
      for (const call of calls) call.reject(error);
    }
  }

  #missing(unconfirmed: Error | null | undefined, replicas: number): Error | undefined {
    const { minReplicas } = this.#settings;
    // The server was made a replica meanwhile, for example.
    if (unconfirmed?.name === 'ReplyError') return new TooFewReplicas(unconfirmed.message, minReplicas);
    if (unconfirmed) return unconfirmed;
    return replicas < minReplicas ? new TooFewReplicas(replicas, minReplicas) : undefined;
  }

  #refused(server: string, call: QueuedCall, error: Error): void {
    if (error.message.startsWith('NOSCRIPT ')) this.#loaded.delete(server);
    // It is tried again at once, so it should be known by then where to.
    if (error.message.startsWith('MOVED ')) {
      void this.connection.refresh().then(() => call.reject(error));
    } else call.reject(error);
  }
}
