// What the Dockerfile does, without Docker: its commands in a copy of the repository, and what comes out of them as a server.

import { existsSync, readFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { freePort, Process, RedisServer, run, TemporaryFolder } from '@ganomede/events-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SETTINGS } from '../apps/server/src/process/config.js';
import { root } from '../scripts/workspace.mjs';
import { toolEnv } from './support/tool-env.js';

const SECRET = 'a secret of the end-to-end tests';
const DEPLOYED = '/srv/events';

/** An instruction of a Dockerfile: its first word, and the rest. */
interface Instruction {
  readonly name: string;
  readonly value: string;
}

/** The instructions of each stage, beginning with its `FROM`. */
function stagesOf(dockerfile: string): Instruction[][] {
  const stages: Instruction[][] = [];
  for (const line of dockerfile.replaceAll(/\\\n\s*/g, '').split('\n')) {
    const [, name = '', value = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') stages.push([]);
    if (name !== '') stages.at(-1)?.push({ name, value });
  }
  return stages;
}

const [build = [], image = []] = stagesOf(readFileSync(join(root, 'docker/Dockerfile'), 'utf8'));
const valuesOf = (stage: Instruction[], name: string) =>
  stage.filter((instruction) => instruction.name === name).map(({ value }) => value);
/** The program and the arguments of a `CMD`, with this Node.js. */
function commandOf(value: string): [string, string[]] {
  const [program, ...args] = JSON.parse(value.slice(value.indexOf('['))) as string[];
  expect(program).toBe('node');
  return [process.execPath, args];
}
const environment = Object.fromEntries(
  valuesOf(image, 'ENV')
    .flatMap((value) => value.split(' '))
    .map((pair) => pair.split('=') as [string, string]),
);

describe('the Dockerfile', () => {
  let folder: TemporaryFolder;
  /** What the image has in /srv/events. */
  let deployed: string;

  beforeAll(async () => {
    folder = new TemporaryFolder();
    deployed = join(folder.path, 'image');
    const source = join(folder.path, 'source');
    // As `COPY . .` does: also what is new and not yet in git, but nothing that is ignored.
    const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    const { stdout } = await run('git', list, { cwd: root });
    const paths = stdout.split('\0').filter((path) => path !== '' && existsSync(join(root, path)));
    for (const path of paths) await cp(join(root, path), join(source, path));
    for (const command of valuesOf(build, 'RUN')) {
      await run('sh', ['-c', command.replaceAll(DEPLOYED, deployed)], { cwd: source, env: toolEnv });
    }
    // The second stage has nothing but what was deployed.
    await rm(source, { recursive: true });
  }, 600_000);

  afterAll(() => folder.remove());

  it('has the lines that are tested here', () => {
    expect(valuesOf(build, 'COPY')).toEqual(['. .']);
    expect(valuesOf(build, 'RUN')).toEqual([`npm run build && npm run deploy -- ${DEPLOYED}`]);
    expect(valuesOf(image, 'COPY')).toEqual([`--from=build ${DEPLOYED} .`]);
    expect(valuesOf(image, 'WORKDIR')).toEqual([DEPLOYED]);
    expect(valuesOf(image, 'RUN')).toEqual(['mkdir /data && chown node:node /data']);
    expect(valuesOf(image, 'USER')).toEqual(['node']);
    expect(valuesOf(image, 'VOLUME')).toEqual(['/data']);
    expect(environment).toEqual({ NODE_ENV: 'production', DATA_DIR: '/data' });
    expect(valuesOf(image, 'EXPOSE')).toEqual([String(SETTINGS.port.schema.default)]);
    expect([valuesOf(image, 'CMD'), valuesOf(image, 'HEALTHCHECK')].map(({ length }) => length)).toEqual([
      1, 1,
    ]);
  });

  it('gives a server with production dependencies alone, that is healthy, serves, and stops', async () => {
    for (const name of ['typescript', 'vitest', 'fast-check']) {
      expect(existsSync(join(deployed, 'node_modules', name)), name).toBe(false);
    }
    // Where the original's image has what starts it.
    for (const entry of ['index.js', 'build/index.js']) {
      expect((await run(process.execPath, [join(deployed, entry), '--version'])).stdout).toMatch(
        /^\d+\.\d+\.\d+/,
      );
    }
    const redis = await RedisServer.start();
    try {
      const port = await freePort();
      const env = {
        ...environment,
        DATA_DIR: join(folder.path, 'data'),
        API_SECRET: SECRET,
        REDIS_URL: redis.url,
        PORT: `${port}`,
      };
      await using server = new Process(...commandOf(valuesOf(image, 'CMD')[0] ?? ''), { env, cwd: deployed });
      await server.until(() => server.lines.some((line) => line.includes('"msg":"listening')));

      const health = async () => {
        const [program, args] = commandOf(valuesOf(image, 'HEALTHCHECK')[0] ?? '');
        return new Process(program, args, { env, cwd: deployed }).exited();
      };
      expect(await health()).toBe(0);
      const smoke = await run(process.execPath, [join(root, 'docker/smoke-test.mjs')], {
        env: { EVENTS_URL: `http://127.0.0.1:${port}`, API_SECRET: SECRET },
      });
      expect(smoke.stdout).toContain('published and read');
      await redis.kill();
      expect(await health()).toBe(1);
      await redis.restart();
      expect(await server.stop('SIGTERM')).toBe(0);
      expect(await health()).toBe(1);
      expect(server.stdout + server.stderr).not.toContain(SECRET);
    } finally {
      await redis.stop();
    }
  });
});

interface Service {
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly volumes?: readonly string[];
  readonly command?: string;
  readonly healthcheck?: { readonly test: readonly string[] };
}

describe.each(['docker-compose.yml', 'docker-compose.test.yml'])('%s', (name) => {
  const file = join(root, 'docker', name);
  const { services } = parse(readFileSync(file, 'utf8')) as { services: Record<string, Service> };

  it('names files, services and settings that exist', () => {
    const known = new Set(Object.values(SETTINGS).map(({ env }) => env as string));
    for (const [service, { build, environment = {}, depends_on = {}, volumes = [] }] of Object.entries(
      services,
    )) {
      if (build) {
        const context = join(dirname(file), build.context);
        expect(context, service).toBe(root);
        expect(existsSync(join(context, build.dockerfile)), service).toBe(true);
        expect(Object.keys(environment).filter((variable) => !known.has(variable))).toEqual([]);
      }
      for (const [other, { condition }] of Object.entries(depends_on)) {
        expect(Object.keys(services), service).toContain(other);
        // The image of the server has a health check of its own.
        const healthy = services[other]?.healthcheck !== undefined || services[other]?.build !== undefined;
        expect(condition === 'service_healthy' && healthy, service).toBe(true);
      }
      for (const volume of volumes.filter((mounted) => mounted.startsWith('.'))) {
        const [path = ''] = volume.split(':');
        expect(existsSync(join(dirname(file), path)), volume).toBe(true);
      }
    }
  });

  it('has a Redis that starts with these options', async () => {
    const [program, ...options] = services.redis?.command?.split(' ') ?? [];
    expect(program).toBe('redis-server');
    const redis = await RedisServer.start(...options);
    try {
      expect(await redis.admin.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
      expect(await redis.admin.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    } finally {
      await redis.stop();
    }
  });
});
