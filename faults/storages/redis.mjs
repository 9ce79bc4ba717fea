// Two servers on one Redis that syncs every write to disk.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisServer, TemporaryFolder } from '@ganomede/events-testing';
import { now, picked } from '../fault.mjs';
import { Link } from '../link.mjs';
import { cut, loseReplies, slow } from '../server-faults.mjs';
import { Service } from '../service.mjs';

/** @typedef {{ service: Service, redis: RedisServer, ways: Link[] }} Stage */

/** @param {import('../owner.mjs').Owner} owner @returns {Promise<Stage>} */
export async function open(owner) {
  const redis = owner.owns(await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always'));
  const ways = [owner.owns(await Link.to(redis.port)), owner.owns(await Link.to(redis.port))];
  const settings = ways.map(({ port }) => ({
    EVENTS_STORE: 'redis',
    REDIS_URL: `redis://127.0.0.1:${port}`,
  }));
  return { service: owner.owns(await Service.start(settings)), redis, ways };
}

/** @type {Record<string, import('../fault.mjs').Fault<Stage>>} */
export const FAULTS = {
  'kill Redis': {
    lane: 'store',
    forMs: [0, 3_000],
    async run({ redis }, { forMs }) {
      await redis.kill();
      await sleep(forMs);
      await redis.restart();
    },
  },
  'freeze Redis': {
    lane: 'store',
    forMs: [100, 5_000],
    async run({ redis }, { forMs }) {
      redis.pause();
      await sleep(forMs);
      redis.resume();
    },
  },
  'cut the way of one server to Redis': {
    lane: 'store',
    forMs: [500, 6_000],
    run: ({ ways }, { pick, forMs }) => cut(picked(ways, pick), forMs),
  },
  'cut the ways of all servers to Redis': {
    lane: 'store',
    forMs: [500, 6_000],
    run: async ({ ways }, { forMs }) => void (await Promise.all(ways.map((way) => cut(way, forMs)))),
  },
  'slow the way of one server to Redis': {
    lane: 'store',
    forMs: [1_000, 5_000],
    run: ({ ways }, { pick, forMs }) => slow(picked(ways, pick), forMs),
  },
  'lose replies of Redis': {
    lane: 'store',
    forMs: [500, 3_000],
    run: ({ ways }, { pick, forMs }) => loseReplies(picked(ways, pick), forMs),
  },
  'restore Redis from a copy': {
    lane: 'store',
    forMs: [0, 2_000],
    rewinds: true,
    async run({ redis }, { forMs, doubt }) {
      const folder = new TemporaryFolder();
      try {
        const copy = join(folder.path, 'copy');
        const from = now();
        redis.copyFiles(copy);
        await sleep(forMs);
        await redis.restartWith(copy);
        doubt(from, true);
      } finally {
        folder.remove();
      }
    },
  },
  'start Redis without its files': {
    lane: 'store',
    forMs: [0, 0],
    rewinds: true,
    async run({ redis }, { doubt }) {
      await redis.restartWith();
      doubt(0, true);
    },
  },
  FLUSHALL: {
    lane: 'store',
    forMs: [0, 0],
    rewinds: true,
    async run({ redis }, { doubt }) {
      await redis.admin.flushall();
      doubt(0, true);
    },
  },
};
