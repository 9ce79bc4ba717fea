// Events through a client, so many at a time: who has an answer sends the next one.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSecondsOfGroup } from '../harness/process-figures.mjs';
import { connectTo } from './peers/index.mjs';
import { event } from './requests.mjs';

/**
 * @param {object} options
 * @param {import('./peers/index.mjs').PeerName} options.peer
 * @param {number} options.port
 * @param {number[]} options.pids  processes of the server
 * @param {number} options.atATime
 * @param {number} options.warmUpS
 * @param {number} options.seconds
 */
export async function sends({ peer: name, port, pids, atATime, warmUpS, seconds }) {
  const peer = await connectTo(name, port);
  let sent = 0;
  let stopped = false;
  const loops = Promise.all(
    Array.from({ length: atATime }, async () => {
      while (!stopped) {
        await peer.send('peers', event());
        sent++;
      }
    }),
  );
  loops.catch(() => {});
  await Promise.race([sleep(warmUpS * 1000), loops]);
  const serverS = () => pids.reduce((sum, pid) => sum + cpuSecondsOfGroup(pid), 0);
  const [before, since, client, server] = [sent, performance.now(), process.cpuUsage(), serverS()];
  await Promise.race([sleep(seconds * 1000), loops]);
  const ms = performance.now() - since;
  const { user, system } = process.cpuUsage(client);
  const count = sent - before;
  const figures = {
    perSecond: (count * 1000) / ms,
    clientUs: (user + system) / count,
    serverUs: ((serverS() - server) * 1e6) / count,
  };
  stopped = true;
  await loops;
  await peer.close();
  if (count === 0) throw new Error('Nothing was acknowledged');
  return figures;
}
