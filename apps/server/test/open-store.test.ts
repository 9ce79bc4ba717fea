import { openStore, readConfig } from '@ganomede/events-server';
import { RedisSentinels, RedisServer, TemporaryFolder } from '@ganomede/events-testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configuredSecrets } from '../src/process/secret.js';

async function startRedis(): Promise<RedisServer> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return redis;
}

/** Opens the store, uses it once, and closes it. */
async function choose(env: Record<string, string>): Promise<{ description: string; warnings: string[] }> {
  const folder = new TemporaryFolder();
  onTestFinished(() => folder.remove());
  const warnings: string[] = [];
  const { store, description } = await openStore(readConfig({ DATA_DIR: folder.path, ...env }), (message) =>
    warnings.push(message),
  );
  expect(await store.append('choice', [{ from: 'f', type: 't' }])).toHaveLength(1);
  await store.close();
  return { description, warnings };
}

describe('the store', () => {
  it('is Redis by each of its variables, and says what that Redis lacks', async () => {
    const redis = await startRedis();
    const port = String(redis.port);
    const byUrl = await choose({ REDIS_URL: redis.url });
    expect(byUrl.description).toMatch(/Redis, because REDIS_URL is set \(EVENTS_STORE=embedded /);
    expect(byUrl.warnings.join()).toMatch(/persists nothing/);
    const byHost = await choose({
      REDIS_EVENTS_PORT_6379_TCP_ADDR: '127.0.0.1',
      REDIS_EVENTS_PORT_6379_TCP_PORT: port,
    });
    expect(byHost.description).toContain('because REDIS_EVENTS_PORT_6379_TCP_ADDR is set');
    const byPort = await choose({ REDIS_EVENTS_PORT_6379_TCP_PORT: port, REDIS_KEY_PREFIX: 'mine:' });
    expect(byPort.description).toContain('because REDIS_EVENTS_PORT_6379_TCP_PORT is set');
    expect(await redis.admin.keys('mine:*')).not.toEqual([]);
  });

  it('is embedded where EVENTS_STORE says so, whatever else is set', async () => {
    const { description } = await choose({
      EVENTS_STORE: 'embedded',
      REDIS_URL: 'redis://127.0.0.1:1',
      NODE_ENV: 'production',
    });
    expect(description).toMatch(
      /the folder .*, because EVENTS_STORE or --store says so \(EVENTS_STORE=redis /,
    );
  });

  it('is Redis in production, and a clear error where nothing answers', async () => {
    const env = {
      NODE_ENV: 'production',
      REDIS_EVENTS_PORT_6379_TCP_PORT: '1',
      REDIS_CONNECT_TIMEOUT: '300',
    };
    await expect(choose(env)).rejects.toMatchObject({
      code: 'ServiceUnavailable',
      message: expect.stringMatching(/localhost:1\b/),
    });
  });

  it('is a Redis that comes up later, which is waited for and said', async () => {
    const redis = await startRedis();
    await redis.kill();
    const warnings: string[] = [];
    let restarted: Promise<void> | undefined;
    const { store } = await openStore(readConfig({ REDIS_URL: redis.url }), (message) => {
      warnings.push(message);
      restarted ??= redis.restart();
    });
    await restarted;
    await store.close();
    expect(warnings[0]).toMatch(
      /^Cannot connect to Redis at 127\.0\.0\.1:\d+: .*ECONNREFUSED.*; waiting for it for 29000 ms$/,
    );
  });

  it('is the Redis that Sentinels know', async () => {
    const group = await RedisSentinels.start();
    onTestFinished(() => group.stop());
    const byName = await choose({
      REDIS_SENTINELS: group.addresses.join(', '),
      REDIS_SENTINEL_NAME: group.name,
    });
    expect(byName.description).toContain('because REDIS_SENTINELS is set');
    const byUrl = await choose({ REDIS_URL: group.url });
    expect(byUrl.description).toContain('because REDIS_URL is set');
    await expect(choose({ REDIS_URL: `redis://${group.addresses[0]}` })).rejects.toThrow(
      /expected a Redis, found a Sentinel.*REDIS_URL is set/,
    );
  });

  it('cannot be two Redis at a time', async () => {
    const env = { REDIS_URL: 'redis://127.0.0.1:1', REDIS_CLUSTER_NODES: '127.0.0.1:1' };
    await expect(choose(env)).rejects.toThrow(/REDIS_CLUSTER_NODES: expected nothing if REDIS_URL is set/);
    await expect(choose({ REDIS_URL: env.REDIS_URL, REDIS_SENTINELS: '127.0.0.1:1' })).rejects.toThrow(
      /REDIS_SENTINELS: expected nothing if REDIS_URL is set/,
    );
  });
});

it('no password of Redis is for the log', () => {
  const config = readConfig({
    API_SECRET: 'a',
    REDIS_URL: 'redis://user:pass%2Fwo:rd@host',
    API_SECRET_PREVIOUS: 'b',
  });
  expect(configuredSecrets(readConfig({ REDIS_URL: 'redis://:pa%ss@host' }))).toEqual(['pa%ss']);
  const sentinels = readConfig({ REDIS_URL: 'redis+sentinel://u:pw-1@a:1,b:2/m?sentinelPassword=pw-2' });
  expect(configuredSecrets(sentinels)).toEqual(['pw-1', 'pw-1', 'pw-2', 'pw-2']);
  expect(configuredSecrets(config)).toEqual(['a', 'b', 'pass%2Fwo:rd', 'pass/wo:rd']);
});
