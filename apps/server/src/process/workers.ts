import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import { collectWorkerMetrics } from '../metrics/worker-metrics.js';
import type { Config } from './config.js';
import { type ApiSecret, greeting } from './secret.js';
import { stopOnSignal } from './shutdown.js';

/** A worker that ran for longer than this had started well, milliseconds. */
const STEADY_MS = 10_000;
/** The longest wait before a worker that keeps crashing is started again, milliseconds. */
const MAX_RESTART_DELAY_MS = 30_000;

/** What a worker says once it serves. */
interface Listening {
  readonly type: 'events:listening';
  readonly url: string;
}

/** In a worker: tells that it serves. */
export function tellListening(url: string): void {
  process.send?.({ type: 'events:listening', url } satisfies Listening);
}

function isListening(message: unknown): message is Listening {
  return (message as Partial<Listening> | null)?.type === 'events:listening';
}

/** How long to wait before a worker is replaced, by how many crashed in a row soon after their start. */
export function restartDelayMs(crashes: number): number {
  return crashes <= 1 ? 0 : Math.min(500 * 2 ** (crashes - 2), MAX_RESTART_DELAY_MS);
}

/**
 * Runs the server in `count` processes on one port. A worker that crashes is replaced, with back-off when they
 * keep crashing; if none comes up at all, this process ends too. Signals reach all of them.
 */
export function superviseWorkers(config: Config, secret: ApiSecret, count: number, logger: Logger): void {
  let stopping = false;
  let listening = 0;
  let crashes = 0;
  const started = new Map<Worker, number>();

  const start = () => {
    if (stopping) return;
    // The secret of this run is made once, for all.
    started.set(cluster.fork({ API_SECRET: secret.value }), performance.now());
  };

  cluster.on('message', (_worker, message) => {
    if (!isListening(message)) return;
    listening++;
    if (listening === 1) process.stderr.write(greeting(config, secret, message.url));
  });

  cluster.on('exit', (worker, code, signal) => {
    const ranMs = performance.now() - (started.get(worker) ?? 0);
    started.delete(worker);
    if (stopping) return;
    if (listening === 0) {
      // It has said why.
      logger.fatal('no worker could start');
      process.exit(1);
    }
    crashes = ranMs > STEADY_MS ? 1 : crashes + 1;
    const delayMs = restartDelayMs(crashes);
    logger.error({ worker: worker.process.pid, code, signal, delayMs }, 'a worker crashed and is replaced');
    setTimeout(start, delayMs);
  });

  stopOnSignal(logger, {
    // The workers drain, each for itself.
    timeoutMs: config.drainMs + config.shutdownTimeoutMs + 1_000,
    stop: async (signal) => {
      stopping = true;
      await Promise.all(
        [...started.keys()].map((worker) => {
          worker.process.kill(signal);
          return new Promise((resolve) => worker.once('exit', resolve));
        }),
      );
    },
  });
  process.on('exit', () => {
    for (const worker of started.keys()) worker.process.kill('SIGKILL');
  });

  collectWorkerMetrics();
  logger.info({ workers: count }, `starting ${count} workers`);
  for (let i = 0; i < count; i++) start();
}
