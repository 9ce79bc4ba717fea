import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';

/**
 * Ctrl-C under `npm start` comes twice: from the terminal and passed on by npm. What follows the first signal
 * within this time, in milliseconds, is the same keypress.
 */
const SAME_KEYPRESS_MS = 300;

/** SIGTERM comes from what runs the server; SIGINT from a keyboard, where nobody wants to wait. */
export type StopSignal = 'SIGTERM' | 'SIGINT';

/** How a process stops. */
export interface Stopping {
  /** How long SIGTERM leaves between `drain` and `stop`, milliseconds; 0: there is no `drain`. */
  readonly drainMs: number;
  /** How long `stop` may take, milliseconds. */
  readonly timeoutMs: number;
  /** Says to whom it may concern that nothing new should come. What comes is still answered. */
  drain(): void;
  /** Ends what runs. `signal` is SIGINT after an error too: there is nothing to wait for. */
  stop(signal: StopSignal): Promise<void>;
}

/**
 * On SIGTERM drains, stops and exits with 0; on SIGINT it does not drain. A second signal exits at once, with 1, as does
 * a stop that takes longer than `timeoutMs`. An error that nobody caught is logged, then stops the process as SIGINT
 * does, with 1.
 */
export function stopOnSignal(logger: Logger, stopping: Stopping): void {
  const { timeoutMs } = stopping;
  let stoppingSince: number | undefined;

  const begin = async (signal: StopSignal, exitCode: number) => {
    stoppingSince = performance.now();
    if (signal === 'SIGTERM' && stopping.drainMs > 0) {
      stopping.drain();
      await sleep(stopping.drainMs);
    }
    setTimeout(() => exit(`requests still run after ${timeoutMs} ms`), timeoutMs).unref();
    try {
      await stopping.stop(signal);
      logger.info('stopped');
      process.exit(exitCode);
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
        logger.info({ signal, ...(signal === 'SIGTERM' && { drainMs: stopping.drainMs }) }, STOPPING);
        void begin(signal, 0);
      } else if (performance.now() - stoppingSince > SAME_KEYPRESS_MS) {
        exit(`second ${signal}`);
      }
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (err: unknown) => {
      logger.fatal({ err }, 'unexpected error');
      if (stoppingSince === undefined) void begin('SIGINT', 1);
    });
  }
}

const STOPPING = 'stopping: waiting polls are answered, running requests finish';
