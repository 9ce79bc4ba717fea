import { type Action, type ChannelAddress, parseChannel, RIGHTS_TYPE } from '@ganomede/events-protocol';
import { AuthorizationDetail } from '@ganomede/events-protocol/schemas';
import type { ChannelNames, Deed, Identity } from '../plugins/access.js';
import { checkOf } from '../plugins/validation.js';

/** One name, or with `isPrefix` all that begin with it. */
interface Names {
  readonly text: string;
  readonly isPrefix: boolean;
}

/** One of the `authorization_details`. */
interface Grant {
  readonly actions: readonly string[];
  /** A type only of `channel:type`; without one all types are meant. */
  readonly channels: readonly { readonly channel: Names; readonly type: Names | undefined }[];
  /** Undefined: any. */
  readonly clientIds: readonly Names[] | undefined;
  readonly groups: readonly Names[] | undefined;
}

/** Who has the token, and until when. */
type Holder = Pick<Identity, 'subject' | 'expiresAt'>;

const checkDetail = checkOf(AuthorizationDetail);

/** What a token lets its holder do, until it expires. */
export class Rights implements Identity {
  readonly subject: string | undefined;
  readonly expiresAt: number;
  readonly #grants: readonly Grant[];
  readonly #typedChannels: boolean;

  private constructor(grants: readonly Grant[], { subject, expiresAt }: Holder, typedChannels: boolean) {
    this.#grants = grants;
    this.subject = subject;
    this.expiresAt = expiresAt;
    this.#typedChannels = typedChannels;
  }

  /** Those of `authorization_details`; undefined if what is about events there is not as it should be. */
  static read(details: unknown, holder: Holder, typedChannels: boolean): Rights | undefined {
    if (details !== undefined && !Array.isArray(details)) return undefined;
    const ours = (details ?? []).filter((detail) => detail?.type === RIGHTS_TYPE);
    if (ours.some((detail) => checkDetail(detail) !== undefined)) return undefined;
    const grants = (ours as AuthorizationDetail[]).map(({ actions, channels, clientIds, groups }) => ({
      actions,
      channels: channels.map((name) => {
        const { channel, type } = parseChannel(name, typedChannels);
        return { channel: namesOf(channel), type: type === undefined ? undefined : namesOf(type) };
      }),
      clientIds: clientIds?.map(namesOf),
      groups: groups?.map(namesOf),
    }));
    return new Rights(grants, holder, typedChannels);
  }

  may({ action, channel, clientId, group }: Deed): boolean {
    const address = parseChannel(channel, this.#typedChannels);
    return this.#grants.some(
      ({ actions, channels, clientIds, groups }) =>
        actions.includes(action) &&
        channels.some((each) => covers(each, address)) &&
        isAmong(clientIds, clientId) &&
        isAmong(groups, group),
    );
  }

  channelsFor(action: Action): readonly ChannelNames[] {
    return this.#grants
      .filter(({ actions }) => actions.includes(action))
      .flatMap(({ channels }) =>
        channels.flatMap(({ channel, type }) => (type === undefined ? channel : [])),
      );
  }
}

function namesOf(pattern: string): Names {
  const isPrefix = pattern.endsWith('*');
  return { text: isPrefix ? pattern.slice(0, -1) : pattern, isPrefix };
}

function matches({ text, isPrefix }: Names, name: string): boolean {
  return isPrefix ? name.startsWith(text) : name === text;
}

function covers(granted: Grant['channels'][number], { channel, type }: ChannelAddress): boolean {
  if (!matches(granted.channel, channel)) return false;
  return granted.type === undefined || (type !== undefined && matches(granted.type, type));
}

/** What names nobody is not bound to somebody. */
function isAmong(granted: readonly Names[] | undefined, name: string | undefined): boolean {
  return granted === undefined || name === undefined || granted.some((each) => matches(each, name));
}
