/** What a URL says of a server, or of a Redis that Sentinels know. */
export interface ParsedAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly tls: boolean;
}

export interface ParsedSentinels {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  /** The name of the master. */
  readonly name: string;
  readonly db: number;
  /** Of the Redis that they know. */
  readonly username: string;
  readonly password: string;
  /** Of the Sentinels themselves. */
  readonly sentinelUsername: string;
  readonly sentinelPassword: string;
  /** For both. */
  readonly tls: boolean;
}

const SENTINEL_PORT = 26_379;

/** @throws RangeError, without the address: it may hold a password. */
export function parseAddress(text: string): ParsedAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const username = decode(url?.username);
  const password = decode(url?.password);
  if (
    url === undefined ||
    !/^rediss?:$/.test(url.protocol) ||
    url.hostname === '' ||
    !/^\/?\d*$/.test(url.pathname) ||
    username === undefined ||
    password === undefined
  ) {
    throw new RangeError(
      'Invalid Redis address: expected redis://[user:password@]host[:port][/database] or rediss://…, or redis+sentinel://host:port,host:port/<name of the master>',
    );
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    username,
    password,
    tls: url.protocol === 'rediss:',
  };
}

/** Undefined if `text` is none that is percent-encoded; the error of JavaScript would be a URIError. */
function decode(text = ''): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export function isSentinelAddress(text: string): boolean {
  return /^rediss?\+sentinel:/.test(text);
}

/**
 * `redis+sentinel://[user:password@]host[:port],…/<name>[/database][?sentinelUsername=…&sentinelPassword=…]`
 *
 * @throws RangeError, without the address: it may hold a password.
 */
export function parseSentinelAddress(text: string): ParsedSentinels {
  const [, s, userinfo = '', hosts = '', encodedName = '', db = '0', query = ''] =
    /^redis(s?)\+sentinel:\/\/(?:([^@/]*)@)?([^@/?]+)\/([^/?]+)(?:\/(\d+))?(?:\?(.*))?$/.exec(text) ?? [];
  // A URL holds one host, so each of them is looked at in one of its own.
  const urls = hosts.split(',').map((host) => `redis://${userinfo}@${host}`);
  const name = decode(encodedName);
  if (
    s === undefined ||
    name === undefined ||
    !urls.every((url) => URL.canParse(url) && new URL(url).hostname !== '')
  ) {
    throw new RangeError(
      'Invalid address of Sentinels: expected redis+sentinel://[user:password@]host:port,host:port/<name of the master>',
    );
  }
  const sentinels = urls.map((url) => {
    const { host } = parseAddress(url);
    return { host, port: Number(new URL(url).port || SENTINEL_PORT) };
  });
  const { username, password } = parseAddress(urls[0] as string);
  const parameters = new URLSearchParams(query);
  return {
    sentinels,
    name,
    db: Number(db),
    username,
    password,
    sentinelUsername: parameters.get('sentinelUsername') ?? '',
    sentinelPassword: parameters.get('sentinelPassword') ?? '',
    tls: s === 's',
  };
}
