import { type Agent as HttpAgent, validateHeaderValue } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import type { API_PREFIX } from '@ganomede/events-protocol';
import type { BackoffBounds } from './backoff.js';

// Only types are imported from the protocol: its schemas would cost every start of a consumer about 200 ms.
const DEFAULT_PREFIX: typeof API_PREFIX = '/events/v1';

/** What `setTimeout` can count. */
const MAX_MS = 2 ** 31 - 1;

/** Options of a `Client`. Times are in milliseconds. */
export interface ClientOptions {
  /** The server's `API_SECRET`; required, non-empty. Sent in the `Authorization` header. */
  secret: string;
  /**
   * Where the server is: `https://events.example`. Instead of `protocol`, `hostname`, `port` and `pathname`.
   * Without a path: the default of `pathname`; without a port: 80 or 443.
   */
  url?: string | URL | undefined;
  /** `'http'` or `'https'`, with or without the colon. Default `'http'`. */
  protocol?: 'http' | 'https' | 'http:' | 'https:' | undefined;
  /** Host name or IP address. Default `'localhost'`. */
  hostname?: string | undefined;
  /** Default 8000. */
  port?: number | undefined;
  /**
   * Path of the events endpoint, default `/events/v1/events`. A path that ends in a version (`/events/v1`) is taken as
   * the prefix of the endpoint: `/events` is added to it.
   */
  pathname?: string | undefined;
  /** Makes the connections. Default: the global agent of the protocol. */
  agent?: HttpAgent | HttpsAgent | undefined;
  /** The most events that one request returns. Default 100. */
  limit?: number | undefined;
  /** How long the server is asked to wait for a new event before it answers an empty list. Default 30 000. */
  pollTimeoutMs?: number | undefined;
  /**
   * How much longer than `pollTimeoutMs` a whole read, with the transfer of its reply, may take before it is given up
   * as failed. Default 10 000.
   */
  pollGraceMs?: number | undefined;
  /** The first retry waits at most this long; the bound doubles with each failure in a row. Default 200. */
  retryBaseMs?: number | undefined;
  /** Where that doubling ends. Default 30 000. */
  retryMaxMs?: number | undefined;
  /** A read that the server refused (a wrong secret, say) waits half to all of this before the next. Default 30 000. */
  retrySlowMs?: number | undefined;
  /** When a `send`, `sendBatch` or `getLatestEvents` gives up, all of its attempts counted. Default 30 000. */
  sendTimeoutMs?: number | undefined;
  /**
   * How long `close`, and the end of a stream, may take to tell the server what was received. 0: they do not, and the
   * last events come again the next time. Default 2000.
   */
  closeTimeoutMs?: number | undefined;
}

/** Options with every default filled in and every value checked. */
export interface ResolvedOptions {
  readonly secret: string;
  readonly protocol: 'http:' | 'https:';
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** Path of the events endpoint. */
  readonly pathname: string;
  /** Path of the folder that the endpoint is in, and the other endpoints too; without a slash at its end. */
  readonly prefix: string;
  /** Undefined: the global agent. */
  readonly agent: HttpAgent | undefined;
  readonly limit: number;
  readonly pollTimeoutMs: number;
  readonly pollGraceMs: number;
  readonly backoff: BackoffBounds;
  readonly sendTimeoutMs: number;
  readonly closeTimeoutMs: number;
}

/** What messages call the options that may come from somewhere else. */
interface Names {
  readonly secret: string;
  readonly url: string;
}

/** @throws TypeError that names the first option that is wrong, what was expected and what came. */
export function resolveOptions(
  options: ClientOptions,
  names: Names = { secret: 'secret', url: 'url' },
): ResolvedOptions {
  if (typeof options !== 'object' || options === null) throw wrong('options', 'an object', options);
  const secret = secretOf(options.secret, names.secret);
  const address = addressOf(options, names.url);
  return {
    secret,
    ...address,
    prefix: address.pathname.slice(0, address.pathname.lastIndexOf('/')),
    agent: agentOf(options.agent, address.protocol),
    limit: checkLimit(options.limit, 100),
    pollTimeoutMs: integer('pollTimeoutMs', options.pollTimeoutMs, 30_000, 0, MAX_MS / 2),
    pollGraceMs: integer('pollGraceMs', options.pollGraceMs, 10_000, 1, MAX_MS / 2),
    backoff: {
      baseMs: integer('retryBaseMs', options.retryBaseMs, 200, 1, MAX_MS / 2),
      maxMs: integer('retryMaxMs', options.retryMaxMs, 30_000, 1, MAX_MS / 2),
      slowMs: integer('retrySlowMs', options.retrySlowMs, 30_000, 1, MAX_MS / 2),
    },
    sendTimeoutMs: integer('sendTimeoutMs', options.sendTimeoutMs, 30_000, 1, MAX_MS / 2),
    closeTimeoutMs: integer('closeTimeoutMs', options.closeTimeoutMs, 2000, 0, MAX_MS / 2),
  };
}

export function wrong(option: string, expected: string, got: unknown): TypeError {
  return new TypeError(`Invalid ${option}: expected ${expected}, got ${describe(got)}`);
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value !== 'object') return String(value);
  return Array.isArray(value) ? 'an array' : 'an object';
}

function secretOf(secret: unknown, name: string): string {
  // What came is not repeated here: it may be nearly the secret.
  if (typeof secret !== 'string' || secret === '') {
    throw new TypeError(
      `Invalid ${name}: expected a non-empty string, got ${secret === '' ? '""' : typeof secret}`,
    );
  }
  try {
    validateHeaderValue('Authorization', secret);
  } catch {
    throw new TypeError(
      `Invalid ${name}: expected characters that an HTTP header can carry (is there a line break at its end?)`,
    );
  }
  return secret;
}

function agentOf(agent: unknown, protocol: string): HttpAgent | undefined {
  // The original's default is an empty string; whatever is empty stands for the global agent.
  if (!agent) return undefined;
  // Not `instanceof`: proxy agents and agents of another copy of a library are fine too.
  if (typeof agent !== 'object' || !('addRequest' in agent))
    throw wrong('agent', 'an http.Agent or https.Agent', agent);
  // Proxy agents work out their protocol for each request; for plain agents a wrong one would fail every request.
  if (Object.hasOwn(agent, 'protocol') && 'protocol' in agent && agent.protocol !== protocol) {
    throw wrong('agent', `an agent for ${protocol}`, `one for ${agent.protocol}`);
  }
  return agent as unknown as HttpAgent;
}

type Address = Pick<ResolvedOptions, 'protocol' | 'hostname' | 'port' | 'pathname'>;

function addressOf(options: ClientOptions, urlName: string): Address {
  if (options.url !== undefined) return addressOfUrl(options.url, options, urlName);
  const { hostname = 'localhost', pathname = DEFAULT_PREFIX } = options;
  if (typeof hostname !== 'string' || hostname === '')
    throw wrong('hostname', 'a non-empty string', hostname);
  if (typeof pathname !== 'string' || !/^\/[!-~]*$/.test(pathname) || /[?#]/.test(pathname)) {
    throw wrong('pathname', 'a path that begins with "/", URL-encoded, without query', pathname);
  }
  return {
    protocol: protocolOf('protocol', options.protocol ?? 'http', options.protocol),
    hostname: withoutBrackets(hostname),
    port: integer('port', numberOf(options.port), 8000, 1, 65_535),
    pathname: endpointOf(pathname),
  };
}

function addressOfUrl(given: string | URL, options: ClientOptions, name: string): Address {
  for (const part of ['protocol', 'hostname', 'port', 'pathname'] as const) {
    if (options[part] !== undefined) {
      throw new TypeError(`Invalid options: expected either url or ${part}, got both`);
    }
  }
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw wrong(name, 'an absolute URL such as https://events.example', String(given));
  }
  // The URL is not repeated here: it carries a password, or perhaps the secret.
  if (url.username !== '' || url.password !== '') {
    throw new TypeError(
      `Invalid ${name}: expected no user name or password in it; the secret is an option of its own`,
    );
  }
  if (url.search !== '' || url.hash !== '')
    throw new TypeError(`Invalid ${name}: expected no query and no fragment`);
  const protocol = protocolOf(name, url.protocol, url.protocol);
  return {
    protocol,
    hostname: withoutBrackets(url.hostname),
    port: url.port === '' ? (protocol === 'https:' ? 443 : 80) : Number(url.port),
    pathname: endpointOf(url.pathname === '/' ? DEFAULT_PREFIX : url.pathname),
  };
}

function protocolOf(option: string, protocol: unknown, got: unknown): 'http:' | 'https:' {
  if (protocol === 'http' || protocol === 'http:') return 'http:';
  if (protocol === 'https' || protocol === 'https:') return 'https:';
  throw wrong(option, 'the protocol http or https', got);
}

/** `/events/v1` is a prefix (what versions 1.5 of the original took); anything else is the endpoint itself. */
function endpointOf(pathname: string): string {
  const path = pathname.length > 1 ? pathname.replace(/\/+$/, '') : pathname;
  return /\/v\d+$/.test(path) ? `${path}/events` : path;
}

/** URLs write IPv6 addresses in brackets, `node:http` wants them bare. */
function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** Ports often come from the environment, as text. */
function numberOf(port: unknown): unknown {
  return typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : port;
}

/** @throws TypeError where it is not a number of events */
export function checkLimit(limit: number | undefined, fallback: number): number {
  return integer('limit', limit, fallback, 1, Number.MAX_SAFE_INTEGER);
}

/** @throws TypeError where it is not a place in a channel */
export function checkAfter(after: number | undefined): number | undefined {
  return after === undefined ? undefined : integer('after', after, 0, 0, Number.MAX_SAFE_INTEGER);
}

function integer(option: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw wrong(option, `an integer from ${min} to ${Math.floor(max)}`, value);
  }
  return value as number;
}
