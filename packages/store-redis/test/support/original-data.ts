import type { Redis } from 'ioredis';

/** Writes what a server of the original, 1.5.3, writes, with the commands that it uses. */
export class OriginalData {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** Gives an id, which its event has yet to be stored under. */
  count(channel: string): Promise<number> {
    return this.#redis.incr(`indices:${channel}`);
  }

  /** Stores an event under an id that was given. `event`: its fields but for the id. */
  async store(channel: string, id: number, event: Record<string, unknown>): Promise<void> {
    const key = `${channel}:${id}`;
    await this.#redis
      .multi()
      .set(key, JSON.stringify({ id, ...event }), 'NX')
      .zadd(`${channel}:keys`, 'NX', id, key)
      .exec();
  }

  async publish(channel: string, event: Record<string, unknown> = {}): Promise<number> {
    const id = await this.count(channel);
    await this.store(channel, id, originalEvent(id, event));
    return id;
  }

  async publishMany(channel: string, count: number): Promise<void> {
    const last = await this.#redis.incrby(`indices:${channel}`, count);
    const all = Array.from({ length: count }, (_, i) => last - count + 1 + i);
    await Promise.all(all.map((id) => this.store(channel, id, originalEvent(id))));
  }

  async cursor(clientId: string, channel: string, after: number): Promise<void> {
    await this.#redis.set(`last-fetched:${clientId}:${channel}`, String(after));
  }

  async index(id: string, channel: string, field: string): Promise<void> {
    await this.#redis.set(`indices:${id}`, JSON.stringify({ id, channel, field }), 'NX');
  }
}

/** The fields of an event in the order in which the original has them, but for the id. */
export function originalEvent(
  n: number,
  { timestamp = 1_429_084_000_000 + n, ...event }: Record<string, unknown> = {},
) {
  return { timestamp, type: 'add', from: 'test', data: { n }, ...event };
}
