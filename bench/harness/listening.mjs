// Waiting for a process that has been told its port.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Resolves once a process listens; rejects with what it wrote if it ends before, or does not in time.
 *
 * @param {import('@ganomede/events-testing').Process} child @param {number} port @param {number} [withinMs]
 */
export async function listening(child, port, withinMs = 30_000) {
  const deadline = performance.now() + withinMs;
  while (!(await answers(port))) {
    const program = child.child.spawnfile;
    if (child.ended) throw new Error(`${program} has ended:\n${child.output}`);
    if (performance.now() > deadline)
      throw new Error(`${program} does not listen on ${port}:\n${child.output}`);
    await sleep(20);
  }
}

/** @param {number} port @returns {Promise<boolean>} */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
