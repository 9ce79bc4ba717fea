/** How often is looked whether npx is still there, milliseconds. */
const LOOK_MS = 500;

/**
 * Calls `stop` once npx has ended, if that has started this process: npx has a shell in between, which a signal ends without being
 * passed on to what the shell runs.
 */
export function whenNpxHasEnded(stop: () => void): void {
  if (process.env.npm_lifecycle_event !== 'npx') return;
  const { ppid } = process;
  const timer = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(timer);
    stop();
  }, LOOK_MS).unref();
}
