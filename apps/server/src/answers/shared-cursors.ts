import { INSTANCE_HEADER } from '@ganomede/events-protocol';
import type { FastifyRequest } from 'fastify';
import type { Metrics } from '../metrics/metrics.js';

/** Consumers that are remembered: those that were heard of last. */
const MOST_CONSUMERS = 10_000;
/** Of each so many of the instances that read as it. */
const MOST_INSTANCES = 8;
/**
 * How often one that had been heard of before comes after another. A process that is replaced by the next one comes back once or
 * twice while both run.
 */
const RETURNS = 3;

interface Readers {
  last: string;
  /** Whether each was told. */
  readonly instances: Map<string, boolean>;
  returns: number;
}

/**
 * Notices consumers whose saved cursor is moved by several processes in turn: each of them gets every event, so that work is done
 * several times. Clients tell which of them they are by a header; those that do not are not noticed. Only what this process has
 * heard counts, so that several servers may need longer.
 */
export class SharedCursors {
  readonly #metrics: Pick<Metrics, 'sharedCursors'>;
  /** Whoever was heard of last comes last. */
  readonly #consumers = new Map<string, Readers>();

  constructor(metrics: Pick<Metrics, 'sharedCursors'>) {
    this.#metrics = metrics;
  }

  /** A request reads, or moves, the cursor of a consumer. Whether its client is to be told that others do too: once. */
  seen({ headers, log }: FastifyRequest, clientId: string, channel: string): boolean {
    const instance = headers[INSTANCE];
    if (typeof instance !== 'string') return false;
    const readers = this.#heardOf(JSON.stringify([clientId, channel]), instance);
    if (readers.last !== instance) {
      readers.last = instance;
      if (readers.instances.has(instance)) readers.returns += 1;
      else this.#add(readers, instance);
      if (readers.returns === RETURNS) {
        this.#metrics.sharedCursors.inc();
        log.warn(
          { clientId, channel },
          'several processes read this channel under one clientId: each gets every event, and they move one saved cursor. ' +
            'To share the work use a group; otherwise give each a clientId of its own',
        );
      }
    }
    if (readers.returns < RETURNS || readers.instances.get(instance)) return false;
    readers.instances.set(instance, true);
    return true;
  }

  #heardOf(consumer: string, instance: string): Readers {
    const known = this.#consumers.get(consumer);
    if (known?.last === instance) return known;
    const readers = known ?? { last: instance, instances: new Map([[instance, false]]), returns: 0 };
    this.#consumers.delete(consumer);
    this.#consumers.set(consumer, readers);
    if (this.#consumers.size > MOST_CONSUMERS) forgetOldest(this.#consumers);
    return readers;
  }

  #add({ instances }: Readers, instance: string): void {
    instances.set(instance, false);
    if (instances.size > MOST_INSTANCES) forgetOldest(instances);
  }
}

const INSTANCE = INSTANCE_HEADER.toLowerCase();

function forgetOldest(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
