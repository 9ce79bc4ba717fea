import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// Tests run on the sources of every package; only child processes and packed tarballs use dist/.
const alias = {
  '@ganomede/events-protocol': here('packages/protocol/src/index.ts'),
  '@ganomede/events-protocol/schemas': here('packages/protocol/src/schemas/index.ts'),
  '@ganomede/events-store/conformance': here('packages/store/src/conformance/index.ts'),
  '@ganomede/events-store/memory': here('packages/store/src/memory/index.ts'),
  '@ganomede/events-store': here('packages/store/src/index.ts'),
  '@ganomede/events-store-lmdb': here('packages/store-lmdb/src/index.ts'),
  '@ganomede/events-store-redis': here('packages/store-redis/src/index.ts'),
  '@ganomede/events-console': here('apps/console/src/index.ts'),
  '@ganomede/events-client': here('packages/client/src/index.ts'),
  '@ganomede/events-server': here('apps/server/src/index.ts'),
  '@ganomede/events-testing': here('packages/testing/src/index.ts'),
};

const project = (
  name: string,
  folder: string,
  options: { globalSetup?: string; testTimeout?: number } = {},
) => ({
  resolve: {
    alias: Object.entries(alias).map(([find, replacement]) => ({
      find: new RegExp(`^${find}$`),
      replacement,
    })),
  },
  test: {
    name,
    root: here(folder),
    include: ['**/*.test.ts'],
    setupFiles: [here('packages/testing/src/no-leaks.ts')],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // What is waited for comes soon or never; the second that Vitest gives is little on a busy machine.
    expect: { poll: { timeout: 10_000 } },
    ...options,
  },
});

export default defineConfig({
  test: {
    // Most tests wait for other processes. Vitest would leave one core free, which on two cores is half of the machine.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      project('protocol', 'packages/protocol/test'),
      project('store', 'packages/store/test'),
      project('store-lmdb', 'packages/store-lmdb/test'),
      project('store-redis', 'packages/store-redis/test'),
      project('testing', 'packages/testing/test'),
      project('client', 'packages/client/test'),
      project('server', 'apps/server/test'),
      project('cli', 'apps/cli/test', { globalSetup: here('e2e/built.ts'), testTimeout: 60_000 }),
      project('console', 'apps/console/test', { globalSetup: here('e2e/built.ts'), testTimeout: 120_000 }),
      project('faults', 'faults', { globalSetup: here('e2e/built.ts'), testTimeout: 120_000 }),
      project('e2e', 'e2e', { globalSetup: here('e2e/built.ts'), testTimeout: 120_000 }),
    ],
  },
});
