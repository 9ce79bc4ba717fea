import { isIP } from 'node:net';
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { isKeySource, isTokenSecret, KEY_SOURCE_RULE } from '../tokens/key-source.js';
import { readRate } from './rate.js';
import { readRetentionTable } from './retention-table.js';

/** One setting: a variable of the environment, perhaps a flag of the command line too. */
interface Setting<Schema extends TSchema> {
  readonly env: string;
  readonly flag?: string;
  /** Never shown, not even if it is wrong. */
  readonly secret?: true;
  /** Kubernetes sets it to `tcp://…` if there is a service of that name; then it counts as unset. */
  readonly orLink?: true;
  /** What the schema cannot say about a text. */
  readonly check?: (text: string) => boolean;
  /** `description` says what is expected; `default` is what it is when unset. */
  readonly schema: Schema;
}

const setting = <Schema extends TSchema>(s: Setting<Schema>): Setting<Schema> => s;

const oneOf = <const T extends string>(values: readonly T[], expected: string, fallback?: T) =>
  Type.Unsafe<T>(
    Type.String({
      enum: [...values],
      description: expected,
      ...(fallback === undefined ? {} : { default: fallback }),
    }),
  );

const text = (what: string, fallback: string) => Type.String({ description: what, default: fallback });

const optionalText = (what: string) => Type.Optional(Type.String({ description: what }));

/** Unset: no bound. */
const optionalCount = (what: string) =>
  Type.Optional(Type.Integer({ description: `${what}; an integer from 1`, minimum: 1 }));

const onOff = (what: string, fallback: boolean) =>
  Type.Boolean({ description: `${what}; on or off`, default: fallback });

const port = (what: string, fallback?: number) =>
  Type.Integer({
    description: `${what}; an integer from 0 to 65535 (0 picks a free one)`,
    minimum: 0,
    maximum: 65535,
    ...(fallback === undefined ? {} : { default: fallback }),
  });

const milliseconds = (what: string, fallback: number) =>
  Type.Integer({ description: what, minimum: 1, maximum: 2 ** 31 - 1, default: fallback });

/** Whether it is a list of addresses, networks and names of networks, separated by commas. */
function areNetworks(list: string): boolean {
  return list.split(',').every((each) => {
    const [address = '', bits, ...more] = each.trim().split('/');
    const version = isIP(address);
    if (version === 0) return ['loopback', 'linklocal', 'uniquelocal'].includes(each.trim());
    if (bits === undefined) return true;
    return more.length === 0 && /^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
  });
}

/** Everything that can be set, in the order of `--help`. */
export const SETTINGS = {
  apiSecret: setting({
    env: 'API_SECRET',
    secret: true,
    schema: Type.Optional(Type.String({ description: 'the secret that clients send; a non-empty text' })),
  }),
  apiSecretPrevious: setting({
    env: 'API_SECRET_PREVIOUS',
    secret: true,
    schema: Type.Optional(
      Type.String({ description: 'a second secret that is accepted, while clients change to the new one' }),
    ),
  }),
  allowQuerySecret: setting({
    env: 'ALLOW_QUERY_SECRET',
    schema: onOff('whether a secret, or a token, may stand in a URL', true),
  }),
  tokenSecret: setting({
    env: 'TOKEN_SECRET',
    secret: true,
    check: isTokenSecret,
    schema: optionalText('the secret by which tokens are signed with HS256; at least 32 bytes'),
  }),
  tokenJwks: setting({
    env: 'TOKEN_JWKS',
    // There may be a password, or a key, in an address.
    secret: true,
    check: isKeySource,
    schema: optionalText(
      `the public keys by which tokens are signed with RS256, ES256 or EdDSA, a JSON Web Key Set; ${KEY_SOURCE_RULE}`,
    ),
  }),
  tokenIssuer: setting({
    env: 'TOKEN_ISSUER',
    schema: text('what tokens have to have as iss', 'ganomede-events'),
  }),
  tokenAudience: setting({
    env: 'TOKEN_AUDIENCE',
    schema: text('what tokens have to have as aud, or among it', 'ganomede-events'),
  }),
  port: setting({
    env: 'PORT',
    flag: 'port',
    schema: port('the port to listen on', 8000),
  }),
  host: setting({
    env: 'HOST',
    flag: 'host',
    schema: text('the address to listen on', '0.0.0.0'),
  }),
  eventsStore: setting({
    env: 'EVENTS_STORE',
    flag: 'store',
    schema: Type.Optional(
      oneOf(
        ['redis', 'embedded', 'memory'],
        'where events are kept; redis, embedded (a folder of this machine) or memory (for tests: nothing is kept when the server stops). Unset: Redis if one of its variables is set, with NODE_ENV=production, or if one answers on localhost:6379; else embedded',
      ),
    ),
  }),
  dataDir: setting({
    env: 'DATA_DIR',
    flag: 'data-dir',
    schema: text('the folder of the embedded store', './.ganomede-events'),
  }),
  diskReserveBytes: setting({
    env: 'DISK_RESERVE_BYTES',
    schema: Type.Integer({
      description:
        'how much of the disk of DATA_DIR is kept free, bytes; an integer from 0 (publishes that would need it are answered 503)',
      minimum: 0,
      default: 64 * 1024 * 1024,
    }),
  }),
  redisUrl: setting({
    env: 'REDIS_URL',
    secret: true,
    schema: optionalText(
      'where Redis is; redis://[user:password@]host[:port][/database], rediss:// for TLS, or redis+sentinel://[user:password@]host:port,host:port/<name of the master>',
    ),
  }),
  redisHost: setting({
    env: 'REDIS_EVENTS_PORT_6379_TCP_ADDR',
    schema: optionalText('the host of Redis, if REDIS_URL is not set [localhost]'),
  }),
  redisPort: setting({
    env: 'REDIS_EVENTS_PORT_6379_TCP_PORT',
    schema: Type.Optional(
      Type.Integer({
        description: 'the port of Redis, if REDIS_URL is not set; an integer from 1 to 65535 [6379]',
        minimum: 1,
        maximum: 65535,
      }),
    ),
  }),
  redisClusterNodes: setting({
    env: 'REDIS_CLUSTER_NODES',
    secret: true,
    schema: optionalText('some nodes of a Redis Cluster; host:port or redis:// URLs, separated by commas'),
  }),
  redisSentinels: setting({
    env: 'REDIS_SENTINELS',
    secret: true,
    schema: optionalText('Sentinels that know where Redis is; host:port, separated by commas'),
  }),
  redisSentinelName: setting({
    env: 'REDIS_SENTINEL_NAME',
    schema: text('what the Sentinels call the master', 'mymaster'),
  }),
  redisKeyPrefix: setting({
    env: 'REDIS_KEY_PREFIX',
    schema: text('what every key in Redis begins with', 'events:'),
  }),
  redisConnectTimeoutMs: setting({
    env: 'REDIS_CONNECT_TIMEOUT',
    schema: milliseconds('how long a start waits for Redis, milliseconds; an integer from 1', 30_000),
  }),
  redisMinReplicas: setting({
    env: 'REDIS_MIN_REPLICAS',
    schema: Type.Integer({
      description: 'how many replicas must have an event before its publish is answered; an integer from 0',
      minimum: 0,
      default: 0,
    }),
  }),
  retentionMaxAgeS: setting({
    env: 'RETENTION_MAX_AGE',
    schema: optionalCount('the age after which events are dropped, seconds'),
  }),
  retentionMaxEvents: setting({
    env: 'RETENTION_MAX_EVENTS',
    schema: optionalCount('how many events of a channel are kept, the newest ones'),
  }),
  retention: setting({
    env: 'RETENTION',
    check: (table) => readRetentionTable(table) !== undefined,
    schema: optionalText(
      'what single channels keep, instead of what RETENTION_MAX_AGE and RETENTION_MAX_EVENTS say; names, or what names begin with and a *, each with an age (s, m, h, d, w), a number of events, both, or all, separated by commas or lines: orders=30d, logs/*=1000 events 1h, audit=all. The most specific one counts',
    ),
  }),
  idempotencyWindowS: setting({
    env: 'IDEMPOTENCY_WINDOW',
    schema: Type.Integer({
      description:
        'how long a publish that is sent again with its Idempotency-Key is stored once, seconds; an integer from 1',
      minimum: 1,
      default: 600,
    }),
  }),
  pollTimeoutMs: setting({
    env: 'POLL_TIMEOUT',
    schema: Type.Optional(
      Type.Integer({
        description:
          'the longest wait of a poll, milliseconds, and that of one without timeout; an integer from 0 (0: no poll waits). Unset: 30000, and 5000 without timeout',
        minimum: 0,
        maximum: 2 ** 31 - 1,
      }),
    ),
  }),
  maxWaitingPolls: setting({
    env: 'MAX_WAITING_POLLS',
    schema: Type.Integer({
      description:
        'the most polls and event streams at a time; an integer from 1 (above it they are answered 503)',
      minimum: 1,
      default: 100_000,
    }),
  }),
  rateLimit: setting({
    env: 'RATE_LIMIT',
    check: (rate) => readRate(rate) !== undefined,
    schema: optionalText(
      'the most requests of one sender in a time (s, m, h), as 200/1s, for each process; those beyond are answered 429. Senders are told by the subject of their token, else by their address',
    ),
  }),
  drainMs: setting({
    env: 'DRAIN_MS',
    schema: Type.Integer({
      description:
        'how long a server that SIGTERM stops is not ready but still answers, so that balancers send it nothing more, milliseconds; an integer from 0 (0: it stops at once, as with SIGINT)',
      minimum: 0,
      maximum: 2 ** 31 - 1,
      default: 3_000,
    }),
  }),
  shutdownTimeoutMs: setting({
    env: 'SHUTDOWN_TIMEOUT',
    schema: milliseconds(
      'how long running requests may take to finish at a stop, after the drain, milliseconds; an integer from 1',
      10_000,
    ),
  }),
  workers: setting({
    env: 'WORKERS',
    schema: Type.Unsafe<number | 'auto'>(
      Type.Union([Type.Integer({ minimum: 1, maximum: 1024 }), Type.Literal('auto')], {
        description:
          'how many processes serve the port, with Redis; an integer from 1, or auto (one per core)',
        default: 1,
      }),
    ),
  }),
  typedChannels: setting({
    env: 'TYPED_CHANNELS',
    schema: onOff('whether channel:type reads one type of a channel', true),
  }),
  maxBodyBytes: setting({
    env: 'MAX_BODY_BYTES',
    schema: Type.Integer({
      description: 'the largest request body, bytes; an integer from 1',
      minimum: 1,
      default: 1024 * 1024,
    }),
  }),
  maxLimit: setting({
    env: 'MAX_LIMIT',
    schema: Type.Integer({
      description: 'the most events in one answer; an integer from 1 (a larger limit is served as this)',
      minimum: 1,
      default: 10_000,
    }),
  }),
  trustProxy: setting({
    env: 'TRUST_PROXY',
    check: areNetworks,
    schema: optionalText(
      'the proxies whose X-Forwarded-For tells the address of a client; addresses, networks (10.0.0.0/8), loopback or uniquelocal (private networks), separated by commas. Unset: the address is that of the connection',
    ),
  }),
  corsOrigin: setting({
    env: 'CORS_ORIGIN',
    schema: optionalText(
      'the origins whose pages may use the server from a browser, separated by commas; or *',
    ),
  }),
  console: setting({
    env: 'CONSOLE',
    schema: onOff(
      'whether the page at /console is served, which shows what there is to those who sign in',
      true,
    ),
  }),
  metricsHost: setting({
    env: 'METRICS_HOST',
    schema: optionalText('the address of the port for health and metrics; that of HOST if it is not set'),
  }),
  metricsPort: setting({
    env: 'METRICS_PORT',
    orLink: true,
    schema: Type.Optional(port('a port for /health and /metrics alone, which are then not on the main one')),
  }),
  metricsConsumers: setting({
    env: 'METRICS_CONSUMERS',
    schema: optionalText(
      'the channels whose consumers and groups are in /metrics; names, or what names begin with and a * (orders,users/*), separated by commas. At most 1000 of each are shown',
    ),
  }),
  statsdHost: setting({
    env: 'STATSD_HOST',
    schema: optionalText(
      'where request counts and timings are sent to; needs STATSD_PORT and STATSD_PREFIX too',
    ),
  }),
  statsdPort: setting({
    env: 'STATSD_PORT',
    orLink: true,
    schema: Type.Optional(
      Type.Integer({
        description: 'the UDP port of StatsD; an integer from 1 to 65535',
        minimum: 1,
        maximum: 65535,
      }),
    ),
  }),
  statsdPrefix: setting({
    env: 'STATSD_PREFIX',
    schema: optionalText('what every StatsD name begins with'),
  }),
  logLevel: setting({
    env: 'LOG_LEVEL',
    schema: oneOf(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'the least level to log; trace, debug (every request), info, warn, error, fatal or silent',
      'info',
    ),
  }),
  nodeEnv: setting({
    env: 'NODE_ENV',
    schema: Type.String({
      description: 'production refuses to start without API_SECRET',
      default: 'development',
    }),
  }),
};

export type Config = { [Key in keyof typeof SETTINGS]: Static<(typeof SETTINGS)[Key]['schema']> };

/** A configuration that cannot be used: one line per problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/**
 * The configuration from flags (by flag name) and the environment; a flag wins. An empty value counts as unset.
 *
 * @throws ConfigError naming every variable whose value is not as expected.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>> = {},
): Config {
  const problems: string[] = [];
  const entries = Object.entries<Setting<TSchema>>(SETTINGS).map(
    ([key, { env: variable, flag, secret, orLink, check, schema }]) => {
      const fromFlag = flag === undefined ? undefined : flags[flag];
      const text = fromFlag ?? env[variable];
      if (text === undefined || text === '' || (orLink && isLink(text))) return [key, schema.default];
      const value = read(schema, text);
      if (value === undefined || !Value.Check(schema, value) || check?.(text) === false) {
        const came = secret ? `a text of ${text.length} characters` : JSON.stringify(text.slice(0, 100));
        problems.push(
          `${fromFlag === undefined ? variable : `--${flag}`}: expected ${schema.description}; got ${came}`,
        );
      }
      return [key, value];
    },
  );
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.fromEntries(entries) as Config;
}

/** One warning for each variable that Kubernetes, and not somebody who runs the server, has set. */
export function linkVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const links = Object.values<Setting<TSchema>>(SETTINGS).filter(
    ({ env: variable, orLink }) => orLink && isLink(env[variable] ?? ''),
  );
  return links.map(({ env: variable }) => {
    return `${variable} is ignored: ${env[variable]} is what Kubernetes sets for a service of that name (enableServiceLinks: false stops that)`;
  });
}

function isLink(text: string): boolean {
  return /^(?:tcp|udp):\/\//.test(text);
}

/** The settings with the defaults of those that are missing or undefined. */
export function withDefaults<Settings extends Partial<Config>>(settings: Settings): Config & Settings {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return { ...readConfig({}), ...(Object.fromEntries(given) as Settings) };
}

/** The value that a text stands for; words (`INFO`, `On`) in any case. Undefined if it cannot be one. */
function read(schema: TSchema, text: string): string | number | boolean | undefined {
  const word = text.toLowerCase();
  if (schema.anyOf) return word === 'auto' ? word : read(Type.Integer(), text);
  if (schema.type === 'integer') return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (schema.type === 'boolean') return word === 'on' ? true : word === 'off' ? false : undefined;
  if (!Array.isArray(schema.enum)) return text;
  return schema.enum.find((allowed) => allowed === word);
}
