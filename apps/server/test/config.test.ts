import { readFile } from 'node:fs/promises';
import { ConfigError, openStore, readConfig } from '@ganomede/events-server';
import { describe, expect, it } from 'vitest';
import { linkVariables, SETTINGS } from '../src/process/config.js';
import { help } from '../src/process/help.js';
import { misspeltVariables } from '../src/process/misspelt.js';
import { readRetentionTable } from '../src/process/retention-table.js';
import { apiSecret } from '../src/process/secret.js';
import { unusableOrigins } from '../src/process/unusable-origins.js';

function problemsOf(env: Record<string, string>, flags: Record<string, string> = {}): readonly string[] {
  try {
    readConfig(env, flags);
    return [];
  } catch (error) {
    return (error as ConfigError).problems;
  }
}

describe('readConfig', () => {
  it('has a default for everything but the secret', () => {
    expect(readConfig({})).toEqual({
      apiSecret: undefined,
      port: 8000,
      host: '0.0.0.0',
      eventsStore: undefined,
      redisUrl: undefined,
      redisHost: undefined,
      redisPort: undefined,
      redisClusterNodes: undefined,
      redisSentinels: undefined,
      redisSentinelName: 'mymaster',
      redisKeyPrefix: 'events:',
      redisConnectTimeoutMs: 30_000,
      redisMinReplicas: 0,
      retentionMaxAgeS: undefined,
      retentionMaxEvents: undefined,
      dataDir: './.ganomede-events',
      diskReserveBytes: 67_108_864,
      pollTimeoutMs: undefined,
      apiSecretPrevious: undefined,
      allowQuerySecret: true,
      tokenSecret: undefined,
      tokenJwks: undefined,
      tokenIssuer: 'ganomede-events',
      tokenAudience: 'ganomede-events',
      typedChannels: true,
      maxWaitingPolls: 100_000,
      drainMs: 3_000,
      shutdownTimeoutMs: 10_000,
      maxBodyBytes: 1_048_576,
      maxLimit: 10_000,
      workers: 1,
      idempotencyWindowS: 600,
      trustProxy: undefined,
      corsOrigin: undefined,
      console: true,
      metricsHost: undefined,
      metricsPort: undefined,
      statsdHost: undefined,
      statsdPort: undefined,
      statsdPrefix: undefined,
      logLevel: 'info',
      nodeEnv: 'development',
    });
  });

  it('takes 0 for no waiting', () => {
    expect(readConfig({ POLL_TIMEOUT: '0' }).pollTimeoutMs).toBe(0);
  });

  it('ignores the links that Kubernetes sets, and says so', () => {
    const env = { METRICS_PORT: 'tcp://10.0.0.7:9090', STATSD_PORT: 'udp://10.0.0.8:8125' };
    expect(readConfig(env)).toEqual(readConfig({}));
    expect(linkVariables({ ...env, PORT: '8000' })).toEqual([
      expect.stringMatching(/^METRICS_PORT is ignored: tcp:\/\/10\.0\.0\.7:9090 is what Kubernetes sets/),
      expect.stringMatching(/^STATSD_PORT is ignored/),
    ]);
    expect(problemsOf({ METRICS_PORT: 'http://10.0.0.7' })).toHaveLength(1);
  });

  it('takes a flag before its variable, and an empty variable as unset', () => {
    const config = readConfig({ PORT: '1', HOST: '::1', POLL_TIMEOUT: '' }, { port: '2' });
    expect(config).toMatchObject({ port: 2, host: '::1', pollTimeoutMs: undefined });
  });

  it('accepts the log levels of the original', () => {
    expect(readConfig({ LOG_LEVEL: 'INFO' }).logLevel).toBe('info');
  });

  it('names every problem with the variable, what was expected and what came', () => {
    expect(
      problemsOf({ PORT: '70000', POLL_TIMEOUT: '5s', TYPED_CHANNELS: 'maybe' }, { store: 'tape' }),
    ).toEqual([
      expect.stringMatching(/^PORT: expected .*0 to 65535.*; got "70000"$/),
      expect.stringMatching(/^--store: expected .*embedded.*; got "tape"$/),
      expect.stringMatching(/^POLL_TIMEOUT: expected .*milliseconds.*; got "5s"$/),
      expect.stringMatching(/^TYPED_CHANNELS: expected .*on or off; got "maybe"$/),
    ]);
  });
});

describe('RETENTION', () => {
  it('is a table of channels, separated by commas or lines', () => {
    expect(readRetentionTable('orders=30d, logs/*=1000 events 1h,audit=all')).toEqual({
      orders: { maxAgeMs: 30 * 86_400_000 },
      'logs/*': { maxAgeMs: 3_600_000, maxEvents: 1000 },
      audit: {},
    });
    expect(readRetentionTable('\n  a=b=1 event\n  *=2w 5 events\n')).toEqual({
      'a=b': { maxEvents: 1 },
      '*': { maxAgeMs: 14 * 86_400_000, maxEvents: 5 },
    });
  });

  it.each([
    'orders',
    'orders=',
    '=1d',
    'orders=30',
    'orders=0d',
    'orders=1d 2d',
    'orders=1d all',
    'orders=1.5h',
    'orders=5 event s',
    'a*b=1d',
    'a**=1d',
    'a=1d,a=2d',
  ])('is refused as %j', (table) => {
    expect(problemsOf({ RETENTION: table })).toEqual([expect.stringMatching(/^RETENTION: expected /)]);
  });

  it('names the entry that is wrong', () => {
    const table = 'orders=30d,\n logs/*=1000 events 1h, audit=30x, bills=all';
    expect(problemsOf({ RETENTION: table })).toEqual([expect.stringMatching(/; got "audit=30x"$/)]);
    expect(problemsOf({ RETENTION: 'a=1d, b=1d, a=2d' })).toEqual([expect.stringMatching(/; got "a=2d"$/)]);
  });

  it('is about whole channels', async () => {
    const config = readConfig({ EVENTS_STORE: 'memory', RETENTION: 'orders:paid=1d' });
    await expect(openStore(config, () => {})).rejects.toThrow('RETENTION: expected whole channels');
    const { store } = await openStore({ ...config, typedChannels: false }, () => {});
    await store.close();
  });

  it('goes before what is said of all channels', async () => {
    const env = {
      EVENTS_STORE: 'memory',
      RETENTION_MAX_EVENTS: '10',
      RETENTION: 'logs/*=5 events,audit=all',
    };
    const { store } = await openStore(readConfig(env), () => {});
    const events = Array.from({ length: 20 }, () => ({ from: 'f', type: 't' }));
    const kept = [];
    for (const channel of ['orders', 'logs/a', 'audit']) {
      await store.append(channel, events);
      kept.push((await store.read({ channel, after: 0, limit: 100 })).count);
    }
    expect(kept).toEqual([10, 5, 20]);
    await store.close();
  });
});

it('TOKEN_JWKS is no address with a password, which is not repeated', () => {
  for (const address of ['https://me:hush@id.example/keys', 'https://hush@id.example/keys']) {
    const problems = problemsOf({ TOKEN_JWKS: address });
    expect(problems).toEqual([expect.stringMatching(/^TOKEN_JWKS: expected .* without user and password;/)]);
    expect(problems[0]).not.toContain('hush');
  }
  expect(problemsOf({ TOKEN_JWKS: 'https://id.example/keys?sig=hush' })).toEqual([]);
});

it.each(['0/1s', '5', '5/s', '5/0s', '1/2d', '-1/1s'])('RATE_LIMIT is refused as %j', (rate) => {
  expect(problemsOf({ RATE_LIMIT: rate })).toEqual([expect.stringMatching(/^RATE_LIMIT: expected /)]);
});

describe('apiSecret', () => {
  it('is made for the run outside production', () => {
    const config = readConfig({});
    const secret = apiSecret(config);
    expect(secret).toEqual({ value: expect.stringMatching(/^[\w-]{32}$/), generated: true });
    expect(apiSecret(config).value).not.toBe(secret.value);
    expect(apiSecret(readConfig({ API_SECRET: 'mine' }))).toEqual({ value: 'mine', generated: false });
  });

  it('has to be given in production', () => {
    expect(() => apiSecret(readConfig({ NODE_ENV: 'production' }))).toThrow(ConfigError);
    expect(() => apiSecret(readConfig({ NODE_ENV: 'production' }))).toThrow(
      /API_SECRET.*openssl rand -hex 32/,
    );
  });
});

it('--help and the table of the README name every setting, with its default', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  for (const setting of Object.values(SETTINGS)) {
    const value = (setting.schema as { default?: unknown }).default;
    const shown = typeof value === 'boolean' ? (value ? 'on' : 'off') : value;
    const flag = 'flag' in setting ? `\`--${setting.flag}\`` : '';
    const row = ['', `\`${setting.env}\``, flag, shown === undefined ? '' : `\`${shown}\``, '']
      .join(' | ')
      .trim();
    expect(readme.replaceAll(/ +/g, ' ')).toContain(row.replaceAll(/ +/g, ' '));
    expect(help()).toContain(setting.env);
    if (shown !== undefined) expect(help()).toContain(`[${shown}]`);
  }
});

describe('origins', () => {
  it.each([
    undefined,
    '*',
    'https://app.example, http://localhost:8080,',
    'http://[::1]:8080',
    'null',
    'capacitor://localhost',
  ])('%j are as browsers send them', (origins) => {
    expect(unusableOrigins(origins)).toEqual([]);
  });

  it.each([
    'localhost:8080',
    'app.example',
    'https://app.example/',
    'https://app.example:443',
    'https://App.example',
    'https://*.app.example/shop',
    '*',
  ])('no page is of %j', (origin) => {
    expect(unusableOrigins(`https://one.example, ${origin}`)).toEqual([
      expect.stringContaining(`CORS_ORIGIN: no page is of ${JSON.stringify(origin)}; expected`),
    ]);
  });
});

describe('misspelt variables', () => {
  it.each([
    ['POLL_TIMOUT', 'POLL_TIMEOUT'],
    ['POLL_TIMEOUT_MS', 'POLL_TIMEOUT'],
    ['API_SECERT', 'API_SECRET'],
    ['api_secret', 'API_SECRET'],
    ['REDISURL', 'REDIS_URL'],
    ['TRUST_PROXYS', 'TRUST_PROXY'],
    ['REDIS_CLUSTER_NODE', 'REDIS_CLUSTER_NODES'],
  ])('%s is told from %s', (name, meant) => {
    expect(misspeltVariables({ [name]: 'x' })).toEqual([
      `${name} is no setting and is ignored; was ${meant} meant?`,
    ]);
  });

  it('are not those of other programs, nor our own', () => {
    const others =
      'PATH HOME HOSTNAME LANG SHELL TERM USER NODE_OPTIONS NODE_PATH NODE_VERSION REDIS_HOST REDIS_PORT';
    const names = [...others.split(' '), ...Object.values(SETTINGS).map(({ env }) => env)];
    expect(misspeltVariables(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual([]);
  });
});

describe('TRUST_PROXY', () => {
  it.each(['127.0.0.1', '10.0.0.0/8, loopback', '::1', 'fd00::/8,uniquelocal'])('may be %s', (trustProxy) => {
    expect(readConfig({ TRUST_PROXY: trustProxy })).toMatchObject({ trustProxy });
  });

  it.each(['on', 'true', 'nginx', '10.0.0', '127.0.0.1;::1', ',', '999.1.1.1', '10.0.0.0/33', '::1/0'])(
    'is refused as %s',
    (value) => {
      expect(problemsOf({ TRUST_PROXY: value })).toEqual([
        expect.stringMatching(/^TRUST_PROXY: expected .*; got/),
      ]);
    },
  );
});
