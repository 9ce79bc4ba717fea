import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { whenNpxHasEnded } from './npx.js';

/**
 * Ctrl-C under `npm start` comes twice: from the terminal and passed on by npm. What follows the first signal
 * within this time, in milliseconds, is the same keypress.
 */
const SAME_KEYPRESS_MS = 300;

/** SIGTERM comes from what runs the server; SIGINT from a keyboard, where nobody wants to wait. */
export type StopSignal = 'SIGTERM' | 'SIGINT';

/** How a process stops. */
export interface Stopping {
  /** How long SIGTERM leaves between `drain` and `stop`, milliseconds; 0, as without `drain`: nothing is drained. */
  readonly drainMs?: number;
  /** How long `stop` may take, milliseconds. */
  readonly timeoutMs: number;
  /** Says to whom it may concern that nothing new should come. What comes is still answered. */
  drain?(): void;
  /** Ends what runs. `signal` is SIGINT after an error too: there is nothing to wait for. */
  stop(signal: StopSignal): Promise<void>;
}

const STOPPING = 'stopping: waiting polls are answered, running requests finish';
const DRAINING = 'draining: not ready any more, requests are still answered';

/**
 * On SIGTERM drains, stops and exits with 0; on SIGINT it does not drain. A second signal exits at once, with 1, as does
 * a stop that takes longer than `timeoutMs`. An error that nobody caught is logged, then stops the process as SIGINT
 * does, with 1; while it drains too. Started by npx, it takes the end of npx for SIGTERM.
 */
export function stopOnSignal(logger: Logger, stopping: Stopping): void {
  const { drainMs = 0, timeoutMs } = stopping;
  let stoppingSince: number | undefined;
  /** Aborted by an error that nobody caught. */
  const broken = new AbortController();

  const begin = async (first: StopSignal) => {
    stoppingSince = performance.now();
    if (first === 'SIGTERM' && stopping.drain && drainMs > 0) {
      logger.info({ signal: first, drainMs }, DRAINING);
      stopping.drain();
      await sleep(drainMs, undefined, { signal: broken.signal }).catch(() => {});
    }
    const signal = broken.signal.aborted ? 'SIGINT' : first;
    logger.info({ signal }, STOPPING);
    setTimeout(() => exit(`requests still run after ${timeoutMs} ms`), timeoutMs).unref();
    try {
      await stopping.stop(signal);
      logger.info('stopped');
      process.exit(broken.signal.aborted ? 1 : 0);
    } catch (err) {
      logger.fatal({ err }, 'could not stop cleanly');
      process.exit(1);
    }
  };

  const exit = (reason: string) => {
    logger.fatal(`exiting at once: ${reason}`);
    process.exit(1);
  };

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stoppingSince === undefined) {
        void begin(signal);
      } else if (performance.now() - stoppingSince > SAME_KEYPRESS_MS) {
        exit(`second ${signal}`);
      }
    });
  }
  whenNpxHasEnded(() => {
    if (stoppingSince === undefined) void begin('SIGTERM');
  });
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (err: unknown) => {
      logger.fatal({ err }, 'unexpected error');
      broken.abort();
      if (stoppingSince === undefined) void begin('SIGINT');
    });
  }
}
