// What happens to servers, and to the ways to them, on any storage.
import { setTimeout as sleep } from 'node:timers/promises';
import { clocksLack } from './clock.mjs';
import { picked } from './fault.mjs';
import { FROM } from './workload.mjs';

/** @typedef {import('./link.mjs').Link} Link */

/** @type {Record<string, import('./fault.mjs').Fault<{ service: import('./service.mjs').Service }>>} */
export const SERVER_FAULTS = {
  'kill a server': {
    lane: 'servers',
    forMs: [0, 2_000],
    async run({ service }, { pick, forMs }) {
      const server = picked(service.servers, pick);
      await server.stop('SIGKILL');
      await sleep(forMs);
      await supervised(server);
    },
  },
  'stop a server': {
    lane: 'servers',
    forMs: [0, 1_000],
    async run({ service }, { pick, forMs }) {
      const server = picked(service.servers, pick);
      await server.stop('SIGTERM');
      await sleep(forMs);
      await supervised(server);
    },
  },
  'freeze a server': {
    lane: 'servers',
    forMs: [100, 4_000],
    async run({ service }, { pick, forMs }) {
      const server = picked(service.servers, pick);
      server.pause();
      await sleep(forMs);
      server.resume();
    },
  },
  'cut the way to a server': {
    lane: 'servers',
    forMs: [500, 4_000],
    run: ({ service }, { pick, forMs }) => cut(picked(service.links, pick), forMs),
  },
  'slow the way to a server': {
    lane: 'servers',
    forMs: [1_000, 5_000],
    run: ({ service }, { pick, forMs }) => slow(picked(service.links, pick), forMs),
  },
  'lose replies of a server': {
    lane: 'servers',
    forMs: [500, 3_000],
    run: ({ service }, { pick, forMs }) => loseReplies(picked(service.links, pick), forMs),
  },
  'set the clock of a server wrong': {
    lane: 'servers',
    forMs: [500, 4_000],
    async run({ service }, { pick, forMs }) {
      if (clocksLack) return;
      const clock = picked(service.clocks, pick);
      clock.set(picked(['+1y', '+1h', '-1h', '-2d'], Math.floor(pick / service.clocks.length)));
      await sleep(forMs);
      clock.set('+0');
    },
  },
};

/**
 * Starts a server again, as often as it takes: one that does not reach its Redis ends.
 *
 * @param {import('@ganomede/events-testing').RestartableServer} server
 */
export async function supervised(server) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await server.start();
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
}

/** @param {Link} link @param {number} forMs */
export async function cut(link, forMs) {
  link.cut();
  await sleep(forMs);
  link.mend();
}

/** Replies come in bursts, 200 ms late at most. @param {Link} link @param {number} forMs */
export async function slow(link, forMs) {
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    link.hold();
    await sleep(200);
    link.release();
    await sleep(20);
  }
}

/** Those to publishes, about ten a second. @param {Link} link @param {number} forMs */
export async function loseReplies(link, forMs) {
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    link.loseReplyTo(FROM);
    await sleep(100);
  }
}
