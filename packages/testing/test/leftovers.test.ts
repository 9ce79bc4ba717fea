// What this package starts ends with the process that has started it, however that ends; until then it is reported.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { leaks, Process, TemporaryFolder, until } from '@ganomede/events-testing';
import { expect, it } from 'vitest';

const testing = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** Starts a shell that starts a sleeper, makes a folder, and says so; then waits to be killed. */
const STARTER = `
import { Process, TemporaryFolder } from ${JSON.stringify(testing)};
const folder = new TemporaryFolder();
const child = new Process('sh', ['-c', 'sleep 1000 & echo $!; wait'], { keepInputOpen: true });
console.log(JSON.stringify({ folder: folder.path, pids: [child.pid, Number(await child.line(0))] }));
`;

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it.each(['SIGKILL', 'SIGTERM'] as const)('%s leaves neither processes nor folders behind', async (signal) => {
  await using starter = new Process(process.execPath, ['--input-type=module', '-e', STARTER]);
  const { folder, pids } = JSON.parse(await starter.line(0)) as { folder: string; pids: number[] };
  expect(pids.map(isRunning)).toEqual([true, true]);
  expect(existsSync(folder)).toBe(true);
  await starter.stop(signal);
  await until('nothing is left', () => !pids.some(isRunning) && !existsSync(folder));
});

it('names what is still there', async () => {
  const folder = new TemporaryFolder();
  const child = new Process('sleep', ['1000']);
  expect(leaks()).toEqual([`the folder ${folder.path}`, `the process ${child.pid}: sleep 1000`]);
  folder.remove();
  await child.stop();
  expect(leaks()).toEqual([]);
});

it('tells why a program cannot be started', async () => {
  const child = new Process('no-such-program', []);
  await expect(child.line(0)).rejects.toThrow(/no-such-program[\s\S]*ENOENT/);
});

it('reads lines whole, and what has no line end only as text', async () => {
  const child = new Process('sh', ['-c', 'printf "one\\ntw"; printf "o\\nthree"; printf "✗" >&2']);
  await child.exited();
  expect(child.lines).toEqual(['one', 'two']);
  expect(child.stdout).toBe('one\ntwo\nthree');
  expect(child.stderr).toBe('✗');
});
