import { API_PREFIX } from '@ganomede/events-protocol';
import { integer, wrong } from './checks.js';

/** Where a server is, and its endpoints. */
export interface ServerAddress {
  readonly protocol: 'http:' | 'https:';
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** Path of the events endpoint. */
  readonly pathname: string;
  /** Path of the folder that the events endpoint is in, and the other endpoints too; without a slash at its end. */
  readonly prefix: string;
}

/** The parts of an address as options give them: `url`, or some of the others. */
interface AddressOptions {
  readonly url?: string | URL | undefined;
  readonly protocol?: string | undefined;
  readonly hostname?: string | undefined;
  readonly port?: number | undefined;
  readonly pathname?: string | undefined;
}

/** @throws TypeError that names what is wrong; the url is called `urlName` */
export function addressOf(options: AddressOptions, urlName: string): ServerAddress {
  const { protocol, hostname, port, pathname } =
    options.url === undefined ? addressOfParts(options) : addressOfUrl(options.url, options, urlName);
  return { protocol, hostname, port, pathname, prefix: pathname.slice(0, pathname.lastIndexOf('/')) };
}

type Address = Omit<ServerAddress, 'prefix'>;

function addressOfParts(options: AddressOptions): Address {
  const { hostname = 'localhost', pathname = API_PREFIX } = options;
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

function addressOfUrl(given: string | URL, options: AddressOptions, name: string): Address {
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
    pathname: endpointOf(url.pathname === '/' ? API_PREFIX : url.pathname),
  };
}

function protocolOf(option: string, protocol: unknown, got: unknown): 'http:' | 'https:' {
  if (protocol === 'http' || protocol === 'http:') return 'http:';
  if (protocol === 'https' || protocol === 'https:') return 'https:';
  throw wrong(option, 'the protocol http or https', got);
}

/** A path that ends in `/events` is the endpoint, as was documented; any other is its prefix, as the code of the original has it. */
function endpointOf(pathname: string): string {
  const path = pathname.replace(/\/+$/, '');
  return path.endsWith('/events') ? path : `${path}/events`;
}

/** URLs write IPv6 addresses in brackets, `node:http` wants them bare. */
function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** Ports often come from the environment, as text. */
function numberOf(port: unknown): unknown {
  return typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : port;
}
