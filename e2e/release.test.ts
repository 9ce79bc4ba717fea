// A release as it goes: everything is published to a registry, and used from there in an empty folder.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Process, run, TemporaryFolder } from '@ganomede/events-testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishedPackages, root } from '../scripts/workspace.mjs';
import { NpmRegistry } from './support/npm-registry.js';
import { SECRET } from './support/server.js';
import { toolEnv } from './support/tool-env.js';

const publish = () =>
  run(
    process.execPath,
    ['--input-type=module', '--eval', "await (await import('./scripts/publish.mjs')).publishPackages()"],
    { cwd: root, env: registry.env },
  );

let registry: NpmRegistry;
let folder: TemporaryFolder;
/** Names of what was published, in the order. */
let published: string[];

beforeAll(async () => {
  registry = await NpmRegistry.start(toolEnv);
  folder = new TemporaryFolder();
  const { stderr } = await publish();
  published = [...stderr.matchAll(/^\+ (@ganomede\/[a-z-]+)@/gm)].map(([, name = '']) => name);
}, 300_000);

afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  folder?.remove();
});

it('publishes every package after those that it depends on', () => {
  const packages = publishedPackages();
  expect([...published].sort()).toEqual(packages.map(({ name }) => name).sort());
  for (const { name, manifest } of packages) {
    const needed = Object.keys(manifest.dependencies ?? {}).filter((other) => published.includes(other));
    for (const other of needed) expect(published.indexOf(other)).toBeLessThan(published.indexOf(name));
  }
});

it('goes on with what is missing if it is called again', async () => {
  const { stderr } = await publish();
  expect(stderr).toMatch(/no new packages/i);
});

it('gives no version that says that nothing was released yet', () => {
  expect(publishedPackages().filter(({ manifest }) => /^0\.0\.0/.test(manifest.version))).toEqual([]);
});

// The server names two packages for this alone: later ones of light-my-request, which comes with Fastify, and of
// @fastify/swagger-ui need a newer Node.js.
it('installs without a warning of the engine, or of what is deprecated', async () => {
  const names = publishedPackages().map(({ name }) => name);
  const { stdout, stderr } = await run('npm', ['install', '--no-audit', '--no-fund', ...names], {
    cwd: folder.path,
    env: registry.env,
  });
  expect(stdout + stderr).not.toMatch(/EBADENGINE|deprecated/);
});

it.each([
  ['Ctrl-C', 'SIGINT', true],
  ['SIGTERM', 'SIGTERM', false],
] as const)(
  'npx @ganomede/events-server starts in an empty folder, and %s leaves nothing behind',
  async (_how, signal, terminal) => {
    using empty = new TemporaryFolder();
    const marker = { GANOMEDE_EVENTS_RELEASE_TEST: `${process.pid}-${signal}` };
    const env = { ...registry.env, ...marker, API_SECRET: SECRET, DRAIN_MS: '0' };
    const args = ['--yes', '@ganomede/events-server', '--host', '127.0.0.1', '--port', '0'];
    await using npx = new Process('npx', args, { cwd: empty.path, env, terminal });
    await npx.until(() => npx.stdout.includes('listening'));
    expect(npx.output).not.toMatch(/EBADENGINE/);
    await npx.stop(signal);
    await expect
      .poll(() => processesWith(Object.entries(marker).map((pair) => pair.join('='))[0] ?? ''))
      .toEqual([]);
  },
  180_000,
);

/** The processes that were started with a setting. */
function processesWith(setting: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(join('/proc', pid, 'environ'), 'utf8')
        .split('\0')
        .includes(setting);
    } catch {
      return false; // it has just ended, or belongs to somebody else
    }
  });
}
