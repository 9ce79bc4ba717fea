import cluster, { type Worker } from 'node:cluster';
import { EventsError } from '@ganomede/events-protocol';
import { AggregatorRegistry, type Registry } from 'prom-client';

/** Between a worker that is asked for the figures and the process that can ask all workers. */
interface Question {
  readonly type: 'events:figures';
  readonly id: number;
}

interface Answer extends Question {
  /** Prometheus text; undefined where a worker did not tell its figures. */
  readonly text: string | undefined;
}

type Figures = Pick<Registry, 'metrics' | 'contentType'>;

function isOurs(message: unknown): message is Question & Partial<Answer> {
  return (message as Partial<Question> | null)?.type === 'events:figures';
}

/** In a worker: the figures of all workers together, whichever of them is asked. */
export function figuresOfAllWorkers(own: Registry): Figures {
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
        process.send?.({ type: 'events:figures', id } satisfies Question);
      });
      if (text === undefined) {
        throw new EventsError('ServiceUnavailable', 'A worker did not tell its figures in time', {
          retryAfterS: 1,
        });
      }
      return text;
    },
  };
}

/** In the process that has the workers: collects the figures of all of them for the one that was asked. */
export function collectFigures(): void {
  const all = new AggregatorRegistry();
  cluster.on('message', async (worker: Worker, message: unknown) => {
    if (!isOurs(message)) return;
    const text = await all.clusterMetrics().catch(() => undefined);
    if (worker.isConnected()) worker.send({ type: 'events:figures', id: message.id, text } satisfies Answer);
  });
}
