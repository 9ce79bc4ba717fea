import { parseChannel } from '@ganomede/events-protocol';
import { groupedBy } from './grouped-by.js';
import type { MigrationProblem, OriginalSurvey } from './survey.js';

/**
 * What becomes of channels whose names are like `users/v1:add`, which here stand for one type of `users/v1`:
 *
 * - `keep`: they stay channels of their own. Servers have to run with `TYPED_CHANNELS=off`.
 * - `merge`: their events go into `users/v1`, filed under `add`. If there is more than one of `users/v1` and its types, their events
 *   are put in the order of their timestamps and get new ids; saved cursors are moved along, and consumers have to be started anew.
 */
export type TypedNames = 'keep' | 'merge';

export interface MigrationReport {
  /** Of the target, sorted by name. */
  readonly channels: readonly MigratedChannel[];
  readonly cursors: number;
  readonly indices: number;
  /** What is not brought as it is, or was decided by a rule. */
  readonly problems: readonly MigrationProblem[];
  /** Keys of something else, which are left alone. */
  readonly otherKeys: OriginalSurvey['otherKeys'];
  /** False: this is what was found, and would be brought. */
  readonly isDone: boolean;
}

export interface MigratedChannel {
  /** In the target. */
  readonly channel: string;
  /** Names of the channels of the original that go into it. */
  readonly sources: readonly string[];
  readonly events: number;
  /** The newest id given. */
  readonly lastId: number;
  /** Whether events, and so cursors, keep their ids. */
  readonly keepsIds: boolean;
  /** Of the JSON texts of the events, as they were read again from the target, in hexadecimal; absent until that is done. */
  readonly sha256?: string | undefined;
}

/** A channel of the target and what goes into it. */
export interface PlannedChannel {
  readonly channel: string;
  readonly sources: readonly PlannedSource[];
}

export interface PlannedSource {
  /** Of a channel of the original. */
  readonly name: string;
  /** The type of the channel that its consumers read. */
  readonly type: string | undefined;
}

/** Which channel of the target each channel of the original goes into. Sorted by name. */
export function planOf(names: readonly string[], typedNames: TypedNames | undefined): PlannedChannel[] {
  const parsed = names.map((name) => ({ name, ...parseChannel(name, typedNames === 'merge') }));
  const plan = groupedBy(parsed, ({ channel }) => channel);
  return [...plan]
    .map(([channel, found]) => ({ channel, sources: found.map(({ name, type }) => ({ name, type })) }))
    .sort((a, b) => (a.channel < b.channel ? -1 : 1));
}

/** What was found, and would be brought. */
export function reportOf(survey: OriginalSurvey, typedNames: TypedNames | undefined): MigrationReport {
  const found = new Map(survey.channels.map((channel) => [channel.name, channel]));
  const channels = planOf([...found.keys()], typedNames).map(({ channel, sources }): MigratedChannel => {
    const each = sources.flatMap(({ name }) => found.get(name) ?? []);
    const events = each.reduce((sum, source) => sum + source.events, 0);
    const newest = Math.max(...each.map(({ lastId }) => lastId));
    const keepsIds = each.length === 1;
    return {
      channel,
      sources: sources.map(({ name }) => name),
      events,
      lastId: keepsIds ? newest : newest + events,
      keepsIds,
    };
  });
  const { cursors, indices, otherKeys } = survey;
  const undecided = typedNames === undefined ? undecidedNames(survey) : undefined;
  const problems = undecided === undefined ? survey.problems : [undecided, ...survey.problems];
  return { channels, cursors: cursors.length, indices: indices.length, problems, otherKeys, isDone: false };
}

/** What somebody has to decide before anything is brought; undefined if there is nothing. */
export function undecidedNames({ typedNames }: OriginalSurvey): MigrationProblem | undefined {
  const [first] = typedNames;
  if (first === undefined) return undefined;
  const { channel, type } = parseChannel(first, true);
  const [name, whole] = [JSON.stringify(first), JSON.stringify(channel)];
  return {
    kind: 'undecided-names',
    subject: first,
    message:
      `It has to be decided (keep or merge) what becomes of ${typedNames.length} channel(s) with names like ${name}, which here stands for the type ${JSON.stringify(type)} of ${whole}. ` +
      `keep: they stay channels of their own, and servers have to run with TYPED_CHANNELS=off. ` +
      `merge: their events go into channels such as ${whole}, with new ids where several come together, and consumers have to be started anew.`,
  };
}
