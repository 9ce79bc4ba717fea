import type { Logger } from 'pino';

/**
 * Ctrl-C under `npm start` comes twice: from the terminal and passed on by npm. What follows the first signal
 * within this time, in milliseconds, is the same keypress.
 */
const SAME_KEYPRESS_MS = 300;

/**
 * On SIGTERM or SIGINT runs `stop` and exits with 0; a second signal exits at once, with 1, as does a stop that
 * takes longer than `timeoutMs` milliseconds. An error that nobody caught is logged, then stops the process in the same way, with 1.
 */
export function stopOnSignal(logger: Logger, timeoutMs: number, stop: () => Promise<void>): void {
  let stoppingSince: number | undefined;

  const begin = async (exitCode: number) => {
    stoppingSince = performance.now();
    setTimeout(() => exit(`requests still run after ${timeoutMs} ms`), timeoutMs).unref();
    try {
      await stop();
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
        logger.info({ signal }, 'stopping: waiting polls are answered, running requests finish');
        void begin(0);
      } else if (performance.now() - stoppingSince > SAME_KEYPRESS_MS) {
        exit(`second ${signal}`);
      }
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (err: unknown) => {
      logger.fatal({ err }, 'unexpected error');
      if (stoppingSince === undefined) void begin(1);
    });
  }
}
