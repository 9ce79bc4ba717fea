import { readFile } from 'node:fs/promises';
import { ConfigError, readConfig } from '@ganomede/events-server';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../src/process/config.js';
import { help } from '../src/process/help.js';
import { apiSecret } from '../src/process/secret.js';

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
      redisMinReplicas: 0,
      retentionMaxAgeS: undefined,
      retentionMaxEvents: undefined,
      dataDir: './.ganomede-events',
      pollTimeoutMs: 30_000,
      apiSecretPrevious: undefined,
      allowQuerySecret: true,
      typedChannels: true,
      maxWaitingPolls: 100_000,
      shutdownTimeoutMs: 10_000,
      maxBodyBytes: 1_048_576,
      maxLimit: 10_000,
      workers: 1,
      idempotencyWindowS: 600,
      corsOrigin: undefined,
      metricsHost: undefined,
      metricsPort: undefined,
      statsdHost: undefined,
      statsdPort: undefined,
      statsdPrefix: undefined,
      logLevel: 'info',
      nodeEnv: 'development',
    });
  });

  it('takes a flag before its variable, and an empty variable as unset', () => {
    const config = readConfig({ PORT: '1', HOST: '::1', POLL_TIMEOUT: '' }, { port: '2' });
    expect(config).toMatchObject({ port: 2, host: '::1', pollTimeoutMs: 30_000 });
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
