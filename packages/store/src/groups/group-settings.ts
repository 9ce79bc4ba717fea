import {
  EventsError,
  MAX_DELAY_MS,
  MAX_LEASE_MS,
  MAX_NAME_LENGTH,
  NAME_PATTERN,
  parseChannel,
} from '@ganomede/events-protocol';
import type { GroupScope, GroupSettings } from './group-storage.js';

/** What a group has that nobody has said anything of. */
export const DEFAULT_GROUP_SETTINGS: GroupSettings = {
  leaseMs: 30_000,
  maxDeliveries: 10,
  backoffMs: [1_000, 5_000, 30_000, 300_000],
  maxPending: 1_000,
};

/** Bounds of settings, and of what a request asks for; milliseconds where the name says so. */
export const GROUP_LIMITS = {
  leaseMs: { least: 1, most: MAX_LEASE_MS },
  maxDeliveries: { least: 1, most: 1_000 },
  backoffSteps: { least: 1, most: 32 },
  backoffMs: { least: 0, most: MAX_DELAY_MS },
  maxPending: { least: 1, most: 10_000 },
} as const;

/** Says in `deadLetters` that dead letters are only counted. */
export const NO_DEAD_LETTERS = 'none';

/** Settings that somebody gives: what is undefined has its default. */
export type GivenGroupSettings = {
  readonly [Name in keyof GroupSettings]?: GroupSettings[Name] | undefined;
};

/**
 * The settings with their defaults.
 *
 * @throws EventsError `InvalidContent` if one is beyond its bounds, dead letters would go to the channel of the group, or there is no
 * room in a name for the default of `deadLetters`
 */
export function resolveGroupSettings(
  scope: GroupScope,
  given: GivenGroupSettings,
  typedChannels: boolean,
): GroupSettings {
  const settings: GroupSettings = { ...DEFAULT_GROUP_SETTINGS, ...withoutUndefined(given) };
  const { leaseMs, maxDeliveries, backoffMs, maxPending, order } = settings;
  assertWithin('leaseMs', leaseMs, GROUP_LIMITS.leaseMs);
  assertWithin('maxDeliveries', maxDeliveries, GROUP_LIMITS.maxDeliveries);
  assertWithin('number of steps in backoffMs', backoffMs.length, GROUP_LIMITS.backoffSteps);
  for (const step of backoffMs) assertWithin('backoffMs', step, GROUP_LIMITS.backoffMs);
  assertWithin('maxPending', maxPending, GROUP_LIMITS.maxPending);
  if (order !== undefined) assertName('order', order);
  const deadLetters = deadLettersOf(scope, settings);
  if (deadLetters === undefined) return settings;
  if (given.deadLetters === undefined && deadLetters.length > MAX_NAME_LENGTH) {
    throw new EventsError(
      'InvalidContent',
      `Invalid channel: its name is too long for the default channel of dead letters: set deadLetters, to a channel or ${JSON.stringify(NO_DEAD_LETTERS)}`,
    );
  }
  assertName('deadLetters', deadLetters);
  if (parseChannel(deadLetters, typedChannels).channel === scope.channel) {
    throw new EventsError(
      'InvalidContent',
      `Invalid deadLetters: expected another channel than that of the group, got ${JSON.stringify(deadLetters)}`,
    );
  }
  return settings;
}

/**
 * The channel name that dead letters of a group are published to; undefined if they are only counted. Without a setting they keep the
 * type of the group, so that who has rights on one type fills no other, whatever is the type of its events.
 */
export function deadLettersOf(
  { channel, type }: Omit<GroupScope, 'group'>,
  { deadLetters = nameOf({ channel: `${channel}.dead-letters`, type }) }: Pick<GroupSettings, 'deadLetters'>,
): string | undefined {
  return deadLetters === NO_DEAD_LETTERS ? undefined : deadLetters;
}

/** @throws EventsError `Conflict` if the order of a group that exists is another one */
export function checkSameOrder(group: string, known: GroupSettings, wanted: GroupSettings): void {
  if (known.order === wanted.order) return;
  const [expected, got] = [known, wanted].map(({ order }) =>
    order === undefined ? 'no order' : `order ${JSON.stringify(order)}`,
  );
  throw new EventsError(
    'Conflict',
    `Group ${JSON.stringify(group)} exists already: expected ${expected}, got ${got}`,
  );
}

/** @throws EventsError `InvalidContent` unless it is undefined or a time that a lease may last */
export function assertLeaseMs(leaseMs: number | undefined): void {
  if (leaseMs !== undefined) assertWithin('leaseMs', leaseMs, GROUP_LIMITS.leaseMs);
}

/** @throws EventsError `InvalidContent` unless it is undefined or a time that an event may wait */
export function assertDelayMs(delayMs: number | undefined): void {
  if (delayMs !== undefined) assertWithin('delayMs', delayMs, GROUP_LIMITS.backoffMs);
}

/** The channel name that a group is on. */
export function nameOf({ channel, type }: Omit<GroupScope, 'group'>): string {
  return type === undefined ? channel : `${channel}:${type}`;
}

export function unknownGroup({ group }: Pick<GroupScope, 'group'>, name: string): EventsError {
  return new EventsError(
    'ResourceNotFound',
    `Group ${JSON.stringify(group)} does not exist on channel ${JSON.stringify(name)}`,
  );
}

function assertWithin(what: string, value: number, { least, most }: { least: number; most: number }): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new EventsError(
    'InvalidContent',
    `Invalid ${what}: expected an integer from ${least} to ${most}, got ${value}`,
  );
}

function assertName(what: string, name: string): void {
  if (name.length > 0 && name.length <= MAX_NAME_LENGTH && NAME_PATTERN.test(name)) return;
  throw new EventsError(
    'InvalidContent',
    `Invalid ${what}: expected 1 to ${MAX_NAME_LENGTH} characters without control characters, got ${JSON.stringify(name)}`,
  );
}

function withoutUndefined(given: GivenGroupSettings): Partial<GroupSettings> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
