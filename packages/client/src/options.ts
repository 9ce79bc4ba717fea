import type { Agent as HttpAgent } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { DEFAULT_LIMIT } from '@ganomede/events-protocol';
import type { BackoffBounds } from './backoff.js';
import { checkLimit, checkStart, integer, wrong } from './checks.js';
import { Credentials, fitsHeader } from './credentials.js';
import { Outage } from './outage.js';
import { addressOf, type ServerAddress } from './server-address.js';
import { Token, type TokenOption } from './token.js';

/** What `setTimeout` can count. */
const MAX_MS = 2 ** 31 - 1;

/** `retry`: handlers are called again with the event, after a pause; `skip`: the next event follows. */
export type WhenRejected = 'retry' | 'skip';

/** Options of a `Client`. Times are in milliseconds. */
export interface ClientOptions {
  /**
   * The server's `API_SECRET`; required unless there is a `token`, non-empty. Sent in the `Authorization` header. In the query or the body, as the original
   * does, if it is no text for a header, or if the server turns out not to know that header.
   */
  secret?: string | undefined;
  /**
   * Instead of the secret: a token that gives some rights at a server of this project, or a function that gives one. The function is
   * called for the first request, and again when the server does not accept the token any more; that request is then sent once more.
   */
  token?: TokenOption | undefined;
  /**
   * Where the server is: `https://events.example`. Instead of `protocol`, `hostname`, `port` and `pathname`.
   * Without a path: the default of `pathname`; without a port: 80 or 443.
   */
  url?: string | URL | undefined;
  /** `'http'` or `'https'`, with or without the colon. Default `'http'`. */
  protocol?: string | undefined;
  /** Host name or IP address. Default `'localhost'`. */
  hostname?: string | undefined;
  /** Default 8000. */
  port?: number | undefined;
  /**
   * Path of the events endpoint, default `/events/v1/events`. A path that does not end in `/events` (`/my/prefix`) is taken as
   * the prefix of the endpoint: `/events` is added to it.
   */
  pathname?: string | undefined;
  /** Makes the connections. Default: the global agent of the protocol. (A text, which the original declares, is refused unless it is empty.) */
  agent?: HttpAgent | HttpsAgent | string | undefined;
  /** The most events that one request returns. Default 100. */
  limit?: number | undefined;
  /**
   * Where this client begins in a channel if the server has saved no cursor for its client id: `'first'`, with the first event;
   * `'new'`, behind the newest one that there is when the first request arrives; a time (a `Date`, milliseconds since the Unix
   * epoch, or ISO 8601), with the first event at or after that time. The server saves the place at once. One that does
   * not know this begins with the first event. Default `'first'`.
   */
  start?: 'first' | 'new' | number | string | Date | undefined;
  /** How long the server is asked to wait for a new event before it answers an empty list. Default 30 000. */
  pollTimeoutMs?: number | undefined;
  /**
   * How much longer than `pollTimeoutMs` a whole read, with the transfer of its reply, may take before it is given up
   * as failed. Default 10 000.
   */
  pollGraceMs?: number | undefined;
  /** The first retry waits at most this long; the bound doubles with each failure in a row. Default 200. */
  retryBaseMs?: number | undefined;
  /** Where that doubling ends: the longest pause while a server is away. Default 4000. */
  retryMaxMs?: number | undefined;
  /** A read that the server refused (a wrong secret, say) waits half to all of this before the next. Default 30 000. */
  retrySlowMs?: number | undefined;
  /** When a `send`, `sendBatch` or `getLatestEvents` gives up, all of its attempts counted. Default 30 000. */
  sendTimeoutMs?: number | undefined;
  /**
   * How long a server that cannot be reached (connections are refused, or end without an answer) is tried before that is an error: of
   * reads, which go on, and of `send`, `sendBatch` and `getLatestEvents`, which give up. Default 7000, as long as the original tried.
   */
  unreachableMs?: number | undefined;
  /**
   * What becomes of an event if a promise that a handler of `on` has returned for it is rejected, which is reported as `error`.
   * `'retry'`: the handlers of the channel are called with it again, with growing pauses, until their promises resolve; later events
   * of the channel wait. `'skip'`: the next event follows. Default `'retry'`.
   */
  whenRejected?: WhenRejected | undefined;
  /**
   * How long `close`, and the end of a stream, may take to tell the server what was received. 0: they do not, and the
   * last events come again the next time. Default 2000.
   */
  closeTimeoutMs?: number | undefined;
}

/** A server, as whom it is asked, and how persistently. */
export interface Server extends ServerAddress {
  readonly credentials: Credentials;
  /** Undefined: the global agent. */
  readonly agent: HttpAgent | undefined;
  readonly backoff: BackoffBounds;
  readonly outage: Outage;
  /** Tells this client from others of the same `clientId`. Undefined: it reads nothing as a consumer. */
  readonly instance?: string | undefined;
  /** When a request that is tried again and again gives up, in milliseconds. */
  readonly sendTimeoutMs: number;
}

/** Options with every default filled in and every value checked. */
export interface ResolvedOptions extends Server {
  readonly limit: number;
  /** As it goes over the wire. */
  readonly start: string | undefined;
  readonly pollTimeoutMs: number;
  readonly pollGraceMs: number;
  readonly closeTimeoutMs: number;
  readonly whenRejected: WhenRejected;
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
  const credentials = new Credentials(tokenOf(options) ?? secretOf(options.secret, names.secret));
  const address = addressOf(options, names.url);
  return {
    credentials,
    ...address,
    agent: agentOf(options.agent, address.protocol),
    limit: checkLimit(options.limit, DEFAULT_LIMIT),
    start: checkStart(options.start),
    pollTimeoutMs: integer('pollTimeoutMs', options.pollTimeoutMs, 30_000, 0, MAX_MS / 2),
    pollGraceMs: integer('pollGraceMs', options.pollGraceMs, 10_000, 1, MAX_MS / 2),
    backoff: {
      baseMs: integer('retryBaseMs', options.retryBaseMs, 200, 1, MAX_MS / 2),
      maxMs: integer('retryMaxMs', options.retryMaxMs, 4000, 1, MAX_MS / 2),
      slowMs: integer('retrySlowMs', options.retrySlowMs, 30_000, 1, MAX_MS / 2),
    },
    outage: new Outage(integer('unreachableMs', options.unreachableMs, 7000, 0, MAX_MS / 2)),
    sendTimeoutMs: integer('sendTimeoutMs', options.sendTimeoutMs, 30_000, 1, MAX_MS / 2),
    closeTimeoutMs: integer('closeTimeoutMs', options.closeTimeoutMs, 2000, 0, MAX_MS / 2),
    whenRejected: whenRejectedOf(options.whenRejected),
  };
}

function whenRejectedOf(value: unknown = 'retry'): WhenRejected {
  if (value === 'retry' || value === 'skip') return value;
  throw wrong('whenRejected', "'retry' or 'skip'", value);
}

function tokenOf({ token, secret }: ClientOptions): Token | undefined {
  if (token === undefined) return undefined;
  if (typeof token !== 'function' && !(typeof token === 'string' && token !== '' && fitsHeader(token))) {
    // Nor is it repeated here.
    throw new TypeError(`Invalid token: expected a token, or a function that gives one, got ${typeof token}`);
  }
  if (secret !== undefined) throw new TypeError('Invalid options: expected either secret or token, got both');
  return new Token(token);
}

function secretOf(secret: unknown, name: string): string {
  // What came is not repeated here: it may be nearly the secret.
  if (typeof secret !== 'string' || secret === '') {
    throw new TypeError(
      `Invalid ${name}: expected a non-empty string, got ${secret === '' ? '""' : typeof secret}`,
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
