// The client alone, as npm installs it: what its README says about that.

import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { run, TemporaryFolder } from '@ganomede/events-testing';
import { expect, it } from 'vitest';
import { pnpm } from '../scripts/pnpm.mjs';
import { root } from '../scripts/workspace.mjs';
import { toolEnv } from './support/tool-env.js';

it('is two packages and 700 kB', { timeout: 300_000 }, async () => {
  const readme = readFileSync(join(root, 'packages/client/README.md'), 'utf8');
  expect(readme).toContain('Two packages and 700 kB are installed');

  using folder = new TemporaryFolder();
  const app = join(folder.path, 'app');
  await mkdir(app);
  await writeFile(join(app, 'package.json'), JSON.stringify({ private: true }));
  const tarballs: string[] = [];
  for (const name of ['protocol', 'client']) {
    const [command = '', ...args] = pnpm('pack', '--json', '--pack-destination', folder.path);
    const { stdout } = await run(command, args, { cwd: join(root, 'packages', name), env: toolEnv });
    tarballs.push((JSON.parse(stdout) as { filename: string }).filename);
  }
  await run('npm', ['install', '--no-audit', '--no-fund', ...tarballs], { cwd: app, env: toolEnv });

  const lock = JSON.parse(readFileSync(join(app, 'node_modules/.package-lock.json'), 'utf8'));
  expect(Object.keys(lock.packages).sort()).toEqual([
    'node_modules/@ganomede/events-client',
    'node_modules/@ganomede/events-protocol',
  ]);
  const { stdout } = await run('du', ['-sk', '--apparent-size', 'node_modules'], { cwd: app });
  expect(Number.parseInt(stdout, 10)).toBeGreaterThan(600);
  expect(Number.parseInt(stdout, 10)).toBeLessThan(800);

  const loaded = await run(
    process.execPath,
    ['-p', "require('@ganomede/events-client'); Object.keys(require.cache).join('\\n')"],
    { cwd: app },
  );
  expect(loaded.stdout.trim().split('\n')).toEqual([
    join(app, 'node_modules/@ganomede/events-client/dist/index.cjs'),
    join(app, 'node_modules/@ganomede/events-protocol/dist/index.cjs'),
  ]);
});

it('loads nothing but what Node.js has and the constants of the protocol', () => {
  const module = readFileSync(join(root, 'packages/client/dist/index.js'), 'utf8');
  const imported = [...module.matchAll(/^import .* from ["'](.*)["'];$/gm)].map(([, name = '']) => name);
  expect(imported.length).toBeGreaterThan(2);
  expect(new Set(imported.filter((name) => !isBuiltin(name)))).toEqual(
    new Set(['@ganomede/events-protocol']),
  );
});
