import type { ChannelScope, GroupScope } from '@ganomede/events-store';

/**
 * The keys of a store, layout 2. Those of one channel share the hash tag `{channel}`, so that a cluster keeps them in one
 * slot:
 *
 * | key | type | what |
 * | --- | --- | --- |
 * | `events:layout` | string | the version of all this, see layout.ts |
 * | `events:channel-list` | sorted set | the channels that were appended to and not deleted since, with score 0: sorted by name |
 * | `events:indices` | hash | id of an index to its channel and field, as JSON text |
 * | `events:sweep` | string | the lease of the server that sweeps, see sweep-lease.ts |
 * | `events:{users/v1}` | hash | `first`: oldest id kept, `last`: newest id given, `time`: newest timestamp given, `behind`: since when the clock has been behind that, `epoch`, `epochs`: the current epoch and those before (see append.lua), `future`: see trim-channel.lua, `redactions`: see redact-events.lua, `deleted`: see delete-channel.lua, `swept`: type lists hold no ids below (see trim-channel.lua) |
 * | `events:{users/v1}:events` | list | the events as JSON texts; event n is at index n - first |
 * | `events:{users/v1}:gaps` | sorted set | ids that no event has, since an import has left them out (see import-events.lua); in the list of events each has an entry, the id as text |
 * | `events:{users/v1}:types` | set | the types that have a list |
 * | `events:{users/v1}:type:add` | list | the ids filed under a type, ascending |
 * | `events:{users/v1}:cursors` | hash | clientId to `<id of the last event seen in users/v1> <when that was saved, milliseconds> <epoch>` |
 * | `events:{users/v1}:cursors:add` | hash | the same for `users/v1:add` |
 * | `events:{users/v1}:consumer-types` | set | the types that have cursors; an empty one stands for `users/v1` itself |
 * | `events:{users/v1}:once:<hash>` | string | an idempotency record (see append.lua); expires |
 * | `events:{users/v1}:index:data.username` | string | the progress of an index by a field: id of the last event that it has looked at |
 * | `events:{users/v1}:order:data.username` | list | its entries in the order of their ids: `<id> <value>`; without a value if it was removed |
 * | `events:{users/v1}:value:data.username:=alice` | list | the ids whose field is `alice`, ascending |
 * | `events:{users/v1}:index:add:data.username` | string | the same for `users/v1:add`, with `order` and `value` |
 * | `events:{users/v1}:groups` | set | its groups and those of its types, as the keys below name them |
 * | `events:{users/v1}:group:mailer` | hash | a group: settings, how far it is, what it has counted, and ids of the events that it is not done with or that are dead letters (see group-book.lua, for these too) |
 * | `events:{users/v1}:group-due:mailer` | sorted set | ids of those events that are leased or wait for their next delivery, by when the lease ends or they are due |
 * | `events:{users/v1}:group-dying:mailer` | sorted set | ids of those whose dead letters are to be written, by when somebody else may do that |
 * | `events:{users/v1}:group-dead:mailer` | sorted set | ids of those whose dead letters are written, by when their turns ended |
 * | `events:{users/v1}:group-since:mailer` | sorted set | ids of those that are out, by when they were handed out first |
 * | `events:{users/v1}:group-queues:mailer` | hash | values of its order of which an event is out, and the first and the last event that waits for each |
 * | `events:{users/v1}:group-workers:mailer` | hash | clientId to how many leases it has |
 * | `events:{users/v1}:group:add:mailer` | hash | the same for a group on `users/v1:add`, with the others |
 * | `events:{users/v1}:new` | pub/sub | notifications, see append.lua, trim-channel.lua and group-book.lua |
 *
 * Layout 1 had `events:channels`, a set, for `events:channel-list`; neither `events:layout` nor `consumer-types`; and in
 * `cursors` the id alone.
 */
export interface ChannelKeys {
  readonly channel: string;
  readonly events: string;
  readonly types: string;
  readonly gaps: string;
}

/** Keys of an index of a channel, or of one type of it, by a field. */
export interface IndexKeys {
  readonly progress: string;
  readonly order: string;
  /** `indexKey` stands for the value. */
  value(indexKey: string): string;
}

/** Keys of a group, in the order in which the scripts take them behind that of the channel. */
export interface GroupKeys {
  readonly group: string;
  readonly due: string;
  readonly dying: string;
  readonly dead: string;
  readonly since: string;
  readonly queues: string;
  readonly workers: string;
}

export class Keys {
  /** The version of the layout. */
  readonly layout: string;
  /** The names of all channels. */
  readonly channelList: string;
  /** Where layout 1 had them. */
  readonly formerChannelSet: string;
  /** The lease of the server that drops what retention does not keep. */
  readonly sweep: string;
  /** The definitions of all indices. */
  readonly indices: string;
  readonly #prefix: string;

  /** @throws RangeError if the prefix holds a brace: the tag has to be the first of the key. */
  constructor(prefix: string) {
    if (/[{}]/.test(prefix)) {
      throw new RangeError(`Invalid keyPrefix: expected no { or }, got ${JSON.stringify(prefix)}`);
    }
    this.#prefix = prefix;
    this.layout = `${prefix}layout`;
    this.formerChannelSet = `${prefix}channels`;
    this.channelList = `${prefix}channel-list`;
    this.indices = `${prefix}indices`;
    this.sweep = `${prefix}sweep`;
  }

  of(channel: string): ChannelKeys {
    const base = this.#base(channel);
    return {
      channel: base,
      events: `${base}:events`,
      types: `${base}:types`,
      gaps: `${base}:gaps`,
    };
  }

  type(channel: string, type: string): string {
    return `${this.#base(channel)}:type:${type}`;
  }

  cursors(channel: string, type: string | undefined): string {
    return `${this.#base(channel)}:cursors${type === undefined ? '' : `:${type}`}`;
  }

  /** Patterns of Redis for keys that tell of a channel: its hash, its groups, the types that have cursors. Others may match them too. */
  get channelPatterns(): string[] {
    const tagged = `${this.#prefix.replace(/[*?[\]\\]/g, '\\$&')}{*}`;
    return [tagged, `${tagged}:groups`, `${tagged}:consumer-types`];
  }

  /** The channel of a key that matches them; undefined if it is another. */
  parseChannelKey(key: string): string | undefined {
    if (!key.startsWith(this.#prefix)) return undefined;
    const [, tag] = /^\{([^{}]+)\}(?::groups|:consumer-types)?$/s.exec(key.slice(this.#prefix.length)) ?? [];
    return tag?.replace(/%(?:25|7B|7D)/g, decodeURIComponent);
  }

  /** A pattern of Redis for the keys of all cursors; others may match it too. */
  get cursorsPattern(): string {
    return `${this.#prefix.replace(/[*?[\]\\]/g, '\\$&')}{*}:cursors*`;
  }

  /** Whose cursors are at a key; undefined if it is none of theirs. */
  parseCursors(key: string): ChannelScope | undefined {
    if (!key.startsWith(this.#prefix)) return undefined;
    const [, tag, type] = /^\{([^{}]+)\}:cursors(?::(.+))?$/s.exec(key.slice(this.#prefix.length)) ?? [];
    return tag === undefined
      ? undefined
      : { channel: tag.replace(/%(?:25|7B|7D)/g, decodeURIComponent), type };
  }

  /** The types of a channel that have cursors. */
  consumerTypes(channel: string): string {
    return `${this.#base(channel)}:consumer-types`;
  }

  /** `scope` stands for client, channel name and idempotency key. */
  idempotency(channel: string, scope: string): string {
    return `${this.#base(channel)}:once:${scope}`;
  }

  /** Type and field are written as in a URL: a colon, and the `=` or `#` that a value begins with, only separate. */
  index(channel: string, type: string | undefined, field: string): IndexKeys {
    const base = this.#base(channel);
    const path = [...(type === undefined ? [] : [type]), field].map(encodeURIComponent).join(':');
    return {
      progress: `${base}:index:${path}`,
      order: `${base}:order:${path}`,
      value: (indexKey) => `${base}:value:${path}:${indexKey}`,
    };
  }

  /** The groups of a channel and of its types. */
  groups(channel: string): string {
    return `${this.#base(channel)}:groups`;
  }

  group(scope: GroupScope): GroupKeys {
    const base = this.#base(scope.channel);
    const name = groupName(scope);
    return {
      group: `${base}:group:${name}`,
      due: `${base}:group-due:${name}`,
      dying: `${base}:group-dying:${name}`,
      dead: `${base}:group-dead:${name}`,
      since: `${base}:group-since:${name}`,
      queues: `${base}:group-queues:${name}`,
      workers: `${base}:group-workers:${name}`,
    };
  }

  /** The name of its pub/sub channel, which the scripts make of the key of its hash. */
  notifications(channel: string): string {
    return `${this.#base(channel)}:new`;
  }

  #base(channel: string): string {
    return `${this.#prefix}{${hashTag(channel)}}`;
  }
}

/** What stands for a group among those of its channel: type, if it is on one, and group are written as in a URL. */
export function groupName({ type, group }: GroupScope): string {
  return [...(type === undefined ? [] : [type]), group].map(encodeURIComponent).join(':');
}

/** The other way round. */
export function parseGroupName(channel: string, name: string): GroupScope {
  const [group = '', type] = name.split(':').map(decodeURIComponent).reverse();
  return { channel, type, group };
}

/**
 * What stands for a channel name between the braces of a hash tag. A tag ends at the first `}` and an empty one
 * counts for nothing, so braces are written as in a URL, and the sign that does so too.
 */
function hashTag(channel: string): string {
  return channel.replace(/[%{}]/g, encodeURIComponent);
}
