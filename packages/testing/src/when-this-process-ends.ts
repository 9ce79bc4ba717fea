import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Runs a line of shell when this process has ended, even if it is killed: its end of a pipe is closed then.
 *
 * @param argument what the line calls `$0`
 * @returns a function that calls it off
 */
export function whenThisProcessEnds(line: string, argument: string): () => void {
  const shell = spawn('sh', ['-c', `cat > /dev/null; ${line} 2> /dev/null`, argument], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.unref();
  (shell.stdin as Socket).unref();
  return () => {
    if (shell.pid !== undefined) killGroup(shell.pid, 'SIGKILL');
  };
}

/** Sends a signal to a process that leads a group, and to all others of the group. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // they have ended already
  }
}
