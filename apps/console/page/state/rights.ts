/** What a token may do: `work` is to receive and settle events of a group, `observe` to see how things are. */
export type Action = 'publish' | 'read' | 'work' | 'observe' | 'manage';

/** One entry of a token's `authorization_details` (RFC 9396). */
interface Grant {
  readonly type: string;
  readonly actions?: readonly string[];
  readonly channels?: readonly string[];
  readonly clientIds?: readonly string[];
}

/**
 * What the holder of a secret may do, as far as can be known without asking: of a token what stands in it. It is for not offering
 * what would be refused; the server decides.
 */
export class Rights {
  /** Undefined: everything. */
  readonly #grants: readonly Grant[] | undefined;

  constructor(secret: string) {
    this.#grants = grantsOf(secret);
  }

  /** Whether something may be done with a channel, or, without one, with any. */
  may(action: Action, channel?: string): boolean {
    if (this.#grants === undefined) return true;
    return this.#grants.some(
      ({ actions = [], channels = [] }) =>
        actions.includes(action) && (channel === undefined || channels.some((name) => covers(name, channel))),
    );
  }

  /** The channels that a token names whole: those that can be opened though it may not list them all. */
  get namedChannels(): string[] {
    const names = (this.#grants ?? []).flatMap(({ channels = [] }) => channels);
    return [...new Set(names.filter((name) => !name.endsWith('*')))].sort();
  }

  /** The name under which the console reads; a token may be bound to some. */
  get clientId(): string {
    const names = (this.#grants ?? []).flatMap(({ clientIds = [] }) => clientIds);
    return names.find((name) => !name.endsWith('*')) ?? 'console';
  }
}

/** `orders` covers its types, `orders:paid`; `users/*` what begins with `users/`. */
function covers(pattern: string, channel: string): boolean {
  if (pattern.endsWith('*')) return channel.startsWith(pattern.slice(0, -1));
  return channel === pattern || channel.startsWith(`${pattern}:`);
}

/** Undefined if it is no JSON Web Token. */
function grantsOf(secret: string): Grant[] | undefined {
  const [, payload, ...rest] = secret.split('.');
  if (payload === undefined || rest.length !== 1) return undefined;
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
      char.charCodeAt(0),
    );
    const { authorization_details: details } = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(details) ? details.filter(({ type }) => type === 'ganomede-events') : undefined;
  } catch {
    return undefined;
  }
}
