// The packages as their users get them: packed, installed with plain npm into an empty folder, and used there.

import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { run, TemporaryFolder } from '@ganomede/events-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pnpm } from '../scripts/pnpm.mjs';
import { publishedPackages, root } from '../scripts/workspace.mjs';
import { Server } from './support/server.js';
import { toolEnv } from './support/tool-env.js';

const packages = publishedPackages();
/** Those that programs import; others are only run. */
const libraries = packages.filter(({ manifest }) => manifest.main !== undefined);
/** What may be in a tarball. */
const PACKED =
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/.+\.(js|cjs|d\.ts|d\.cts|map)|dist\/page\/.+\.(html|js|css|svg|md)|src\/scripts\/.+\.lua|docs\/.+\.md)$/;

const tool = (path: string, ...args: string[]) =>
  run(process.execPath, [join(root, 'node_modules', path), ...args], { env: toolEnv });

let folder: TemporaryFolder;
/** The tarball of each package. */
const tarballs = new Map<string, string>();
const installed = (name: string) => join(folder.path, 'app', 'node_modules', name);

beforeAll(async () => {
  folder = new TemporaryFolder();
  const app = join(folder.path, 'app');
  await mkdir(app);
  await Promise.all(
    packages.map(async ({ name, folder: cwd }) => {
      const [command = '', ...args] = pnpm('pack', '--json', '--pack-destination', folder.path);
      const { stdout } = await run(command, args, { cwd, env: toolEnv });
      tarballs.set(name, (JSON.parse(stdout) as { filename: string }).filename);
    }),
  );
  await writeFile(join(app, 'package.json'), JSON.stringify({ private: true }));
  const quiet = ['--no-audit', '--no-fund'];
  await run('npm', ['install', ...quiet, ...tarballs.values()], { cwd: app, env: toolEnv });
}, 300_000);

afterAll(() => folder.remove());

describe.each(packages.map(({ name }) => name))('%s', (name) => {
  it('has a README, the licence and what was built, and nothing else', () => {
    const files = filesIn(installed(name));
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']));
    expect(files.filter((file) => file.startsWith('dist/'))).not.toEqual([]);
    expect(files.filter((file) => !PACKED.test(file))).toEqual([]);
  });

  it('names no folder of the machine that built it, and nothing that only works in the workspace', () => {
    for (const file of filesIn(installed(name))) {
      const text = readFileSync(join(installed(name), file), 'utf8');
      expect(text.includes(root), `${file} names ${root}`).toBe(false);
    }
    expect(readFileSync(join(installed(name), 'package.json'), 'utf8')).not.toMatch(/workspace:|catalog:/);
  });

  it('passes publint', async () => {
    await tool('publint/src/cli.js', 'run', tarballs.get(name) ?? '', '--strict');
  });

  it('passes attw', async () => {
    await tool(
      '@arethetypeswrong/cli/dist/index.js',
      ...['--profile', 'node16', '--no-definitely-typed', '--format', 'ascii', tarballs.get(name) ?? ''],
    );
  });
});

describe('the server and the client', () => {
  /** Sends an event, receives it, prints it. */
  const program = `
const { EVENTS_URL: url, API_SECRET: secret } = process.env;
const channel = 'packed/' + process.argv[1];
const client = new Client('packed', { url, secret });
client.on(channel, async (event) => {
  console.log(JSON.stringify(event));
  await client.close();
});
client.send(channel, { from: 'packed', type: 'greeting', data: { text: 'hello' } });
`;

  it.each([
    ['require', 'use.cjs', "const { Client } = require('@ganomede/events-client');"],
    ['import', 'use.mjs', "import { Client } from '@ganomede/events-client';"],
  ])('work together, the client by %s', async (_how, file, load) => {
    const app = join(folder.path, 'app');
    await using server = await Server.start(join(app, 'node_modules', '.bin', 'ganomede-events-server'));
    await writeFile(join(app, file), `${load}\n${program}`);
    const { stdout } = await run(process.execPath, [file, file], { cwd: app, env: server.env });
    expect(JSON.parse(stdout)).toEqual({
      id: 1,
      timestamp: expect.any(Number),
      from: 'packed',
      type: 'greeting',
      data: { text: 'hello' },
    });
    expect(await server.process.stop()).toBe(0);
  });

  it('can be loaded by both, every package of them', async () => {
    const app = join(folder.path, 'app');
    for (const { name } of libraries) {
      await run(process.execPath, ['-e', `require('${name}')`], { cwd: app });
      await run(process.execPath, ['--input-type=module', '-e', `import '${name}'`], { cwd: app });
    }
  });
});

describe('the command line', () => {
  it('runs', async () => {
    const app = join(folder.path, 'app');
    const { stdout } = await run(join(app, 'node_modules', '.bin', 'ganomede-events'), ['--help'], {
      cwd: app,
      env: toolEnv,
    });
    expect(stdout).toMatch(/^Usage: ganomede-events/);
  });
});

describe('the types', () => {
  const source = `
import { Client } from '@ganomede/events-client';
import type { Event, EventHeader } from '@ganomede/events-protocol';
import { parseChannel } from '@ganomede/events-protocol';
import { buildApp } from '@ganomede/events-server';
import type { EventStore } from '@ganomede/events-store';
import * as lmdb from '@ganomede/events-store-lmdb';

export const client = new Client('typed', { secret: 'secret' });
client.on('users/v1', (event, channel) => {
  const id: number = event.id;
  const name: string = channel;
  console.log(id, name);
});
export const header: Promise<EventHeader> = client.send('users/v1', { from: 'me', type: 'add' });
export const data = (event: Event): unknown => event.data;
export const used: unknown[] = [parseChannel, buildApp, lmdb];
export type Store = EventStore;

// @ts-expect-error no such option
new Client('typed', { secrets: 'secret' });
`;

  it.each([
    ['node16', ['module.mts', 'commonjs.cts'], { module: 'node16', moduleResolution: 'node16' }],
    ['bundler', ['bundled.ts'], { module: 'esnext', moduleResolution: 'bundler' }],
  ])('compile under %s', async (name, files, resolution) => {
    const app = join(folder.path, 'app');
    for (const file of files) await writeFile(join(app, file), source);
    const compilerOptions = {
      ...resolution,
      target: 'es2022',
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      typeRoots: [join(root, 'node_modules', '@types')],
      types: ['node'],
    };
    const project = join(app, `tsconfig.${name}.json`);
    await writeFile(project, JSON.stringify({ compilerOptions, files }));
    await tool('typescript/bin/tsc', '--project', project);
  });
});

/** The files in a folder, without those of its own dependencies. */
function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((file) => !file.startsWith('node_modules/'));
}
