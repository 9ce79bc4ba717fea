import { type Append, type AppendOutcome, Batchers } from '@ganomede/events-store';
import { isCluster } from './commands.js';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';
import type { ReplicationWait } from './replication-wait.js';
import { append as appendScript, type ScriptedOutcome } from './scripts/append.js';
import { isCrossSlot, ReplyError, TooFewReplicas, unavailable } from './unavailable.js';

/** Bounds of one call of the script, so that Redis serves others in between. */
const MAX_CALL = { items: 200, bytes: 1024 * 1024 };

/** An append that waits for its call. */
interface QueuedAppend extends Append {
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** The queue of all channels, if they share their calls: no channel has an empty name. */
const ALL = '';

/**
 * Runs the append script, one call at a time, so that appends are stored in the order in which they come. What
 * comes in one turn of the event loop, or while a call is under way, shares the next one, whichever channels it
 * is for. In a cluster, where channels lie in different slots, each channel has its own calls. Of a channel a call
 * stores all or nothing; if it fails, what waits behind it of its channels fails as well, so that their order holds.
 */
export class Appender {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #replicationWait: ReplicationWait | undefined;
  readonly #revived: (channel: string) => void;
  /** Whether channels may lie in different slots. */
  #apart: boolean;
  /** By channel if they are apart, else `ALL`. */
  readonly #queues = new Batchers<QueuedAppend>((name, appends) => this.#write(name, appends), MAX_CALL);

  /**
   * With `replicationWait` the appends go through it, on its connection. `revived` is called with a channel that was deleted and
   * is appended to again.
   */
  constructor(
    connection: Connection,
    keys: Keys,
    revived: (channel: string) => void,
    replicationWait?: ReplicationWait,
  ) {
    this.#revived = revived;
    this.#connection = replicationWait?.connection ?? connection;
    this.#keys = keys;
    this.#replicationWait = replicationWait;
    this.#apart = isCluster(connection.client);
  }

  append({ channel, events, bytes, maxEvents, idempotency, condition }: Append): Promise<AppendOutcome> {
    // Spreading the append costs a fifth of all that Node.js does for it.
    return new Promise((resolve, reject) =>
      this.#push({ channel, events, bytes, maxEvents, idempotency, condition, resolve, reject }),
    );
  }

  /** Resolves once nothing is under way. */
  idle(): Promise<void> {
    return this.#queues.idle();
  }

  #push(append: QueuedAppend): void {
    this.#queues.push(this.#apart ? append.channel : ALL, append);
  }

  async #write(name: string, appends: readonly QueuedAppend[]): Promise<void> {
    const channels = new Map<string, QueuedAppend[]>();
    for (const append of appends) {
      const others = channels.get(append.channel);
      if (others) others.push(append);
      else channels.set(append.channel, [append]);
    }
    try {
      const outcomes = await this.#call(appends, [...channels.values()]);
      let i = 0;
      for (const ofChannel of channels.values()) {
        for (const append of ofChannel) this.#settle(name, append, outcomes[i++] as ScriptedOutcome);
      }
      // Who has waited goes on first: with what comes of it the next call is larger.
      await new Promise((resolve) => process.nextTick(resolve));
    } catch (error) {
      if (channels.size > 1 && isCrossSlot(error)) {
        // A cluster of one server, or a cluster behind a proxy. It has run nothing.
        this.#apart = true;
        for (const append of appends) this.#push(append);
      } else {
        const behind = isStored(error) ? [] : this.#behind(name, (channel) => channels.has(channel));
        for (const append of [...appends, ...behind]) append.reject(error);
      }
    }
  }

  #settle(name: string, append: QueuedAppend, outcome: ScriptedOutcome): void {
    if (outcome.kind === 'failed') {
      const error = unavailable(
        subjectOf([append]),
        this.#connection.address,
        new ReplyError(outcome.message),
      );
      const behind = this.#behind(name, (channel) => channel === append.channel);
      for (const each of [append, ...behind]) each.reject(error);
    } else {
      if (outcome.isRevived) this.#revived(append.channel);
      append.resolve(outcome);
    }
  }

  /** What waits behind appends that have failed is not stored before those are sent again. */
  #behind(name: string, hasFailed: (channel: string) => boolean): QueuedAppend[] {
    return this.#queues.withdraw(name, ({ channel }) => hasFailed(channel));
  }

  #call(
    appends: readonly QueuedAppend[],
    channels: readonly (readonly QueuedAppend[])[],
  ): Promise<ScriptedOutcome[]> {
    const args = { keys: this.#keys, channels };
    const subject = subjectOf(appends);
    const replicationWait = this.#replicationWait;
    if (replicationWait === undefined) return this.#connection.script(subject, appendScript, args);
    const bytes = appends.reduce((sum, append) => sum + append.bytes, 0);
    return this.#connection.script(subject, appendScript, args, (call) => replicationWait.run(call, bytes));
  }
}

/** Whether an append that failed is stored all the same, so that what comes behind it is in its order. */
function isStored(error: unknown): boolean {
  return (error as Error).cause instanceof TooFewReplicas;
}

function subjectOf(appends: readonly QueuedAppend[]): string {
  let count = 0;
  for (const { events } of appends) count += events.length;
  const [{ channel }] = appends as readonly [QueuedAppend];
  const isOne = appends.every((append) => append.channel === channel);
  return `append ${count} event(s) to ${isOne ? `channel ${JSON.stringify(channel)}` : 'several channels'}`;
}
