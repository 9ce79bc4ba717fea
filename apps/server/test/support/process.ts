import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { expectNoSecret } from './server.js';

const BIN = fileURLToPath(new URL('../../dist/bin.js', import.meta.url));

/** The built server as a process of its own. It is gone, with its folder, when the test ends. */
export class ServerProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #exited: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.#exited = once(child, 'close');
  }

  /** The lines of the log. */
  get log(): Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Resolves with the address once the server listens; rejects where it ends before. */
  async listening(): Promise<string> {
    for (;;) {
      const line = this.log.find(({ msg }) => msg === 'listening');
      if (line !== undefined) return line.url as string;
      const ended = await Promise.race([
        this.#exited.then(() => true),
        once(this.child.stdout as NodeJS.ReadableStream, 'data').then(() => false),
      ]);
      if (ended) throw new Error(`The server ended before it listened:\n${this.stdout}${this.stderr}`);
    }
  }

  /** The exit code, once the process has ended and all it wrote has been read. */
  async exited(): Promise<number | null> {
    await this.#exited;
    return this.child.exitCode;
  }
}

/** Starts the server with an environment of its own, in a new folder unless `--data-dir` is among the arguments. */
export async function startProcess(
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<ServerProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ganomede-process-'));
  const defaults = args.some((arg) => arg.startsWith('-')) ? [] : ['--port', '0', '--data-dir', dataDir];
  const child = spawn(process.execPath, [BIN, ...defaults, ...args], {
    env: { PATH: process.env.PATH ?? '', EVENTS_STORE: 'embedded', ...env },
    cwd: dataDir,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const server = new ServerProcess(child);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await server.exited();
    await rm(dataDir, { recursive: true });
    expectNoSecret(server.stdout);
  });
  return server;
}
