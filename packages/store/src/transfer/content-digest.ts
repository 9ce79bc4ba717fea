import { createHash, type Hash } from 'node:crypto';
import type { StoreRecord } from './read-store.js';
import type { GroupSnapshot } from './transfer-storage.js';

const MODULUS = 1n << 256n;

/**
 * What two stores have in common if they hold the same: of each channel, and of all, 64 hexadecimal digits. Which engine a store
 * is on, in which epochs its ids were given, when a delayed event is due and how its deliveries have ended (which not every version
 * keeps) makes no difference; in which order channels come neither.
 */
export class ContentDigest {
  #channel = '';
  #hash: Hash = createHash('sha256');
  #sum = 0n;

  /** Takes the next record. Of an `end` the digest of the channel. */
  add(record: StoreRecord): string | undefined {
    switch (record.kind) {
      case 'channel':
        this.#channel = record.channel;
        this.#hash = createHash('sha256');
        return undefined;
      case 'cursors':
        for (const { clientId, type, after, savedAt, epoch } of record.cursors) {
          this.#line('cursor', [clientId, type ?? null, after, savedAt ?? null, epoch ?? null]);
        }
        return undefined;
      case 'group':
        this.#group(record.group);
        return undefined;
      case 'bounds': {
        const { lastId, timestamp, isDeleted } = record.bounds;
        this.#line('bounds', [lastId, timestamp, isDeleted]);
        return undefined;
      }
      case 'events':
        for (const { json, filed } of record.events) {
          this.#line('event', filed ?? null);
          this.#hash.update(json);
        }
        return undefined;
      case 'end': {
        const digest = this.#hash.digest('hex');
        this.#count(['channel', this.#channel, digest]);
        return digest;
      }
      case 'index': {
        const { id, channel, field } = record.index;
        this.#count(['index', id, channel, field]);
        return undefined;
      }
    }
  }

  /** Of all that was taken. */
  get total(): string {
    return this.#sum.toString(16).padStart(64, '0');
  }

  #group({ scope, settings, entries, ...group }: GroupSnapshot): void {
    const { leaseMs, maxDeliveries, backoffMs, maxPending, order, deadLetters } = settings;
    const told = [leaseMs, maxDeliveries, backoffMs, maxPending, order ?? null, deadLetters ?? null];
    const { after, redelivered, missed, createdAt, forgotten } = group;
    this.#line('group', [
      scope.type ?? null,
      scope.group,
      told,
      after,
      redelivered,
      missed,
      createdAt,
      forgotten,
    ]);
    for (const { dueAt: _, ...entry } of entries) {
      const { id, state, value, count, clientId, firstDeliveredAt, endedAt, reason, deadLetterId } = entry;
      const times = [firstDeliveredAt, endedAt];
      this.#line('entry', [id, state, value, count, clientId, times, reason, deadLetterId ?? null]);
    }
  }

  #line(what: string, told: unknown): void {
    this.#hash.update(`${what} ${JSON.stringify(told)}\n`);
  }

  /** Sums, so that their order does not matter. */
  #count(told: readonly string[]): void {
    const digest = createHash('sha256').update(JSON.stringify(told)).digest('hex');
    this.#sum = (this.#sum + BigInt(`0x${digest}`)) % MODULUS;
  }
}
