// A process that makes load: does one task that it is told, answers with the figures, and ends.
import { consume, produce } from './client.mjs';
import { fanOut, waitingPolls, waitingStreams } from './polls.mjs';
import { replay } from './replay.mjs';
import { fillThrough, manyChannels, replayThrough, sends, work } from './sends.mjs';
import { fill, steady } from './steady.mjs';

/** @type {Record<string, (options: any, tell: (message: object) => void, go: Promise<void>) => Promise<unknown>>} */
const tasks = {
  consume,
  produce,
  fanOut,
  waitingPolls,
  waitingStreams,
  replay,
  fill,
  steady,
  sends,
  manyChannels,
  fillThrough,
  replayThrough,
  work,
};

process.on('disconnect', () => process.exit(1));

process.once('message', async (/** @type {{ task: string, options: object }} */ { task, options }) => {
  const tell = (/** @type {object} */ message) => void process.send?.(message);
  /** @type {Promise<void>} */
  const go = new Promise((resolve) => process.once('message', () => resolve()));
  try {
    const result = await tasks[task]?.(options, (figures) => tell({ told: figures }), go);
    process.send?.({ result }, () => process.exit(0));
  } catch (error) {
    process.send?.({ error: error instanceof Error ? error.message : String(error) }, () => process.exit(1));
  }
});
