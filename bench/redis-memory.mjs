// What a million events take in Redis, against their JSON.
import { ours } from './harness/contenders.mjs';
import { against, load, row, whole } from './harness/measure.mjs';
import { startRedis } from './harness/redis.mjs';
import { storedBytes } from './load/requests.mjs';

/** @type {import('./harness/measure.mjs').Scenario} */
export default {
  title: 'Redis memory',
  work: '1,000,000 events of 200 bytes: used_memory against the JSON text of the events',
  async run({ quick }) {
    const total = quick ? 10_000 : 1_000_000;
    const rows = [];
    for (const channels of quick ? [1, 100] : [1, 100, 1_000, 10_000]) {
      const perChannel = total / channels;
      const name = `ours, ${whole(channels)} channel${channels === 1 ? '' : 's'} of ${whole(perChannel)}`;
      const redis = await startRedis('--appendonly', 'no');
      try {
        const server = await ours(redis).start();
        const before = await redis.usedMemory();
        await load('fill', { port: server.port, channel: 'memory', channels, count: perChannel });
        await server.stop();
        const used = (await redis.usedMemory()) - before;
        const json = storedBytes(perChannel) * channels;
        // The target is about long channels; short ones are shown beside it.
        const bounds = channels <= 1_000 && !quick ? { atMost: 1.25 } : {};
        rows.push(
          row(name, `${(used / total).toFixed(0)} bytes each`, [against(used / json, 'JSON', bounds)]),
        );
      } finally {
        await redis.stop();
      }
    }
    return rows;
  },
};
