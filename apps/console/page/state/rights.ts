/** What a token may do: `work` is to receive and settle events of a group, `observe` to see how things are. */
export type Action = 'publish' | 'read' | 'work' | 'observe' | 'manage';

/** One entry of a token's `authorization_details` (RFC 9396). */
interface Grant {
  readonly type: string;
  readonly actions?: readonly string[];
  readonly channels?: readonly string[];
  readonly clientIds?: readonly string[];
  readonly groups?: readonly string[];
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

  /** Whether something may be done with a channel, or, without one, with any; as a consumer, or with a group, if they are told. */
  may(
    action: Action,
    channel?: string,
    { clientId, group }: { clientId?: string; group?: string } = {},
  ): boolean {
    return (
      this.#grants === undefined ||
      this.#grantsOf(action, channel).some(
        ({ clientIds, groups }) => isAmong(clientIds, clientId) && isAmong(groups, group),
      )
    );
  }

  /** The channels that a token names: those that can be opened though it may not list them. A `*` at the end stands for what follows. */
  get namedChannels(): string[] {
    const names = (this.#grants ?? []).flatMap(({ channels = [] }) => channels);
    return [...new Set(names)].sort();
  }

  /** The name under which the console does something; a token may be bound to some. */
  clientIdFor(action: Action, channel: string): string {
    const grants = this.#grants === undefined ? [] : this.#grantsOf(action, channel);
    const [first, ...others] = grants.flatMap(({ clientIds = [CONSOLE] }) => clientIds);
    if (first === undefined) return CONSOLE;
    const whole = [first, ...others].find((name) => !name.endsWith('*'));
    return whole ?? first.slice(0, -1) + CONSOLE;
  }

  #grantsOf(action: Action, channel: string | undefined): Grant[] {
    return (this.#grants ?? []).filter(
      ({ actions = [], channels = [] }) =>
        actions.includes(action) && (channel === undefined || channels.some((name) => covers(name, channel))),
    );
  }
}

const CONSOLE = 'console';

/** Whether a name is one of some, of which a `*` at the end stands for what follows; undefined: it is not asked for, or all are meant. */
function isAmong(names: readonly string[] | undefined, name: string | undefined): boolean {
  if (names === undefined || name === undefined) return true;
  return names.some((each) => (each.endsWith('*') ? name.startsWith(each.slice(0, -1)) : name === each));
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
