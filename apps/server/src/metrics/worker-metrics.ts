import cluster, { type Worker } from 'node:cluster';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { TemporaryRefusal } from '../answers/errors.js';

/** Between a worker that is asked for the metrics and the process that can ask all workers. */
interface Question {
  readonly type: 'events:metrics';
  readonly id: number;
}

interface Answer extends Question {
  /** Prometheus text; undefined if a worker did not tell its metrics. */
  readonly text: string | undefined;
}

function isOurs(message: unknown): message is Question & Partial<Answer> {
  return (message as Partial<Question> | null)?.type === 'events:metrics';
}

/** In a worker: the metrics of all workers together, whichever of them is asked. */
export function registryOfAllWorkers(own: Registry): Pick<Registry, 'metrics' | 'contentType'> {
  AggregatorRegistry.setRegistries(own);
  // Answers the other process when it collects.
  new AggregatorRegistry();
  const waiting = new Map<number, (text: string | undefined) => void>();
  let questions = 0;
  process.on('message', (message) => {
    if (!isOurs(message)) return;
    waiting.get(message.id)?.(message.text);
    waiting.delete(message.id);
  });
  return {
    contentType: own.contentType,
    metrics: async () => {
      const id = questions++;
      const text = await new Promise<string | undefined>((resolve) => {
        waiting.set(id, resolve);
        process.send?.({ type: 'events:metrics', id } satisfies Question);
      });
      if (text === undefined) throw new TemporaryRefusal('A worker did not tell its metrics in time');
      return text;
    },
  };
}

/** In the process that has the workers: collects the metrics of all of them for the one that was asked. */
export function collectWorkerMetrics(): void {
  const all = new AggregatorRegistry();
  cluster.on('message', async (worker: Worker, message: unknown) => {
    if (!isOurs(message)) return;
    const text = await all.clusterMetrics().catch(() => undefined);
    if (worker.isConnected()) worker.send({ type: 'events:metrics', id: message.id, text } satisfies Answer);
  });
}
