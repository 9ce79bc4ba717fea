import { ServerProcess, TemporaryFolder } from '@ganomede/events-testing';
import { onTestFinished } from 'vitest';
import { expectNoSecret } from './server.js';

/**
 * Starts the built server in a process of its own, with an environment of its own, in a new folder unless `--data-dir` is
 * among the arguments. It is gone, with its folder, when the test ends.
 */
export function startProcess(args: string[] = [], env: Record<string, string> = {}): ServerProcess {
  const folder = new TemporaryFolder();
  const defaults = args.some((arg) => arg.startsWith('-')) ? [] : ['--port', '0', '--data-dir', folder.path];
  const server = new ServerProcess([...defaults, ...args], {
    env: { EVENTS_STORE: 'embedded', ...env },
    cwd: folder.path,
  });
  onTestFinished(async () => {
    await server[Symbol.asyncDispose]();
    folder.remove();
    expectNoSecret(server.stdout);
  });
  return server;
}
