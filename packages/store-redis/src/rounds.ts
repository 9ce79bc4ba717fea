import { setImmediate } from 'node:timers/promises';
import { Batchers } from '@ganomede/events-store';
import { APPEND_SCRIPT, type ScriptPipeline } from './commands.js';
import type { Connection } from './connection.js';
import { TooFewReplicas } from './unavailable.js';

/** Bounds of one round, so that its commands are run well within the time that a command may take. */
const MAX_ROUND = { items: 1_000, bytes: 4 * 1024 * 1024 };

export interface Durability {
  /** Replicas that have to have an append before it resolves. */
  readonly minReplicas: number;
  /** How long it waits for them, milliseconds, at least 1: Redis takes 0 for ever. */
  readonly replicaTimeoutMs: number;
}

type Reply = (number | string)[];

/** A call of the append script. */
interface Call {
  /** The first one is that of the channel. */
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
  readonly bytes: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs appends that have to be on replicas, on a connection of their own. `WAIT` holds up its connection, and is
 * about everything that was written there before: a round is one pipeline with the calls of all channels of one
 * server, and one `WAIT` for all of them. What comes while it waits is the next round.
 */
export class Rounds {
  readonly #connection: Connection;
  readonly #durability: Durability;
  /** By server. */
  readonly #queues = new Batchers<Call>((server, calls) => this.#round(server, calls), MAX_ROUND);
  /** Servers that know the script. */
  readonly #loaded = new Set<string>();

  constructor(connection: Connection, durability: Durability) {
    this.#connection = connection;
    this.#durability = durability;
  }

  /** Resolves with the reply of the script once enough replicas have what it has written. */
  run(keys: readonly string[], args: readonly (string | number)[], bytes: number): Promise<Reply> {
    return new Promise((resolve, reject) => this.#push({ keys, args, bytes, resolve, reject }));
  }

  #push(call: Call): void {
    const [channel = ''] = call.keys;
    try {
      this.#queues.push(this.#connection.pipelineOf(channel), call);
    } catch (error) {
      call.reject(error);
    }
  }

  async #round(server: string, queued: readonly Call[]): Promise<void> {
    const calls = queued.filter((call) => this.#isAt(server, call));
    if (calls.length > 0) await this.#write(server, calls);
    // Whoever appends again at once takes part in the next round.
    await setImmediate();
  }

  /** While a call has waited for its turn its server may have begun to hang, or its channel may have moved. */
  #isAt(server: string, call: Call): boolean {
    const [channel = ''] = call.keys;
    try {
      this.#connection.check(channel);
      if (this.#connection.pipelineOf(channel) === server) return true;
      this.#push(call);
    } catch (error) {
      call.reject(error);
    }
    return false;
  }

  async #write(server: string, calls: readonly Call[]): Promise<void> {
    const { minReplicas, replicaTimeoutMs } = this.#durability;
    // In one pipeline: a `WAIT` by itself would be sent to any server of a cluster, which then answers for itself.
    const pipeline = this.#connection.client.pipeline() as ScriptPipeline;
    for (const [i, { keys, args }] of calls.entries()) {
      // Not as a command of ioredis: where Redis has lost the script that would send it again, behind the `WAIT`.
      if (i > 0 || this.#loaded.has(server)) pipeline.evalsha(APPEND_SCRIPT.sha, keys.length, keys, args);
      else pipeline.eval(APPEND_SCRIPT.text, keys.length, keys, args);
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
        else call.resolve(reply as Reply);
      }
    } catch (error) {
      for (const call of calls) call.reject(error);
    }
  }

  #missing(unconfirmed: Error | null | undefined, replicas: number): Error | undefined {
    const { minReplicas } = this.#durability;
    // The server was made a replica meanwhile, for example.
    if (unconfirmed?.name === 'ReplyError') return new TooFewReplicas(unconfirmed.message, minReplicas);
    if (unconfirmed) return unconfirmed;
    return replicas < minReplicas ? new TooFewReplicas(replicas, minReplicas) : undefined;
  }

  #refused(server: string, call: Call, error: Error): void {
    if (error.message.startsWith('NOSCRIPT ')) this.#loaded.delete(server);
    // It is tried again at once, so it should be known by then where to.
    if (error.message.startsWith('MOVED ')) {
      void this.#connection.refresh().then(() => call.reject(error));
    } else call.reject(error);
  }
}
