import { setTimeout as sleep } from 'node:timers/promises';
import { EventsError } from '@ganomede/events-protocol';
import { IMPORT_STEP, type ListedCursor, UNNOTED } from '@ganomede/events-store';
import { ChannelCopy, type MigrationTarget, type MigrationTransfer, newTerm } from './channel-copy.js';
import { ChannelReader } from './channel-reader.js';
import { groupedBy } from './grouped-by.js';
import { type MovedCursors, mergeChannels } from './merge-channels.js';
import {
  type MigratedChannel,
  type MigrationReport,
  type PlannedChannel,
  planOf,
  reportOf,
  type TypedNames,
  undecidedNames,
} from './migration-report.js';
import type { OriginalRedis } from './original-redis.js';
import { type MigrationProblem, type OriginalSurvey, surveyOriginal } from './survey.js';

/** Channels that are looked at together. */
const CHANNELS_AT_ONCE = 100;

/** How often it is looked for what was published meanwhile, milliseconds. */
const FOLLOW_EVERY_MS = 200;

export interface MigrationSettings {
  /** Has to be given if there are such names. */
  readonly typedNames?: TypedNames | undefined;
  /**
   * The original goes on being used until this aborts: the moment of the switch, at which its servers have been stopped. What
   * came until then is brought too. Default: they are stopped already. Not with `merge`.
   */
  readonly followUntil?: AbortSignal | undefined;
  /** How long a gap at the end of a channel is waited for, since it may be filled by an event that is on its way, milliseconds. Default 5 000. */
  readonly settleMs?: number | undefined;
  /** Breaks it off; it can be run again. */
  readonly signal?: AbortSignal | undefined;
  /** Told how far it is, after every step of about a thousand events. */
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
}

export interface MigrationProgress {
  /** `following`: all was brought that there is, and what comes is brought until the switch. */
  readonly phase: 'copying' | 'following' | 'switching';
  /** Events brought, of about so many. */
  readonly events: number;
  readonly total: number;
}

/** A channel of the original that keeps its ids, and what of it is in the target. */
interface Followed {
  readonly reader: ChannelReader;
  readonly copy: ChannelCopy;
}

/** One run: everything is brought, from the beginning to the switch. */
export class Migration {
  readonly #original: OriginalRedis;
  readonly #target: MigrationTarget;
  readonly #settings: MigrationSettings;
  readonly #term = newTerm();
  readonly #problems: MigrationProblem[] = [];
  /** By the name of the channel of the original. */
  readonly #followed = new Map<string, Followed>();
  readonly #merged = new Map<PlannedChannel, ChannelCopy>();
  #phase: MigrationProgress['phase'] = 'copying';
  #events = 0;
  #total = 0;

  constructor(original: OriginalRedis, target: MigrationTarget, settings: MigrationSettings) {
    this.#original = original;
    this.#target = target;
    this.#settings = settings;
  }

  async run(first: OriginalSurvey): Promise<MigrationReport> {
    const { followUntil } = this.#settings;
    let survey = first;
    await this.#begin(survey);
    if (followUntil !== undefined) {
      for (const each of this.#followed.values()) await this.#catchUp(each);
      await this.#follow(followUntil);
      survey = await surveyOriginal(this.#original, this.#settings.signal);
      await this.#begin(survey);
    }
    this.#phase = 'switching';
    const moved = await this.#finish(survey);
    await this.#bringCursors(survey, moved);
    await this.#bringIndices(survey);
    const copies = this.#copies();
    for (let from = 0; from < copies.length; from += CHANNELS_AT_ONCE) {
      await Promise.all(copies.slice(from, from + CHANNELS_AT_ONCE).map((copy) => copy.assertWhole()));
    }
    await this.#lookAgain(survey);
    return this.#report(survey);
  }

  /** Makes ready for the channels that it did not know. */
  async #begin(survey: OriginalSurvey): Promise<void> {
    // Others may have come by now.
    const undecided = this.#settings.typedNames === undefined ? undecidedNames(survey) : undefined;
    if (undecided !== undefined) throw new RangeError(`Invalid typedNames: ${undecided.message}`);
    this.#total = survey.channels.reduce((sum, { events }) => sum + events, 0);
    for (const planned of this.#plan(survey)) {
      const [source, ...others] = planned.sources;
      if (source === undefined || this.#followed.has(source.name)) continue;
      const copy = new ChannelCopy(this.#target, this.#transfer, planned.channel, this.#term);
      await copy.assertUnused();
      if (others.length > 0) this.#merged.set(planned, copy);
      else this.#followed.set(source.name, { reader: this.#reader(source.name), copy });
    }
    for (const { name, lastId } of survey.channels) {
      this.#followed.get(name)?.reader.settling.saw(lastId, performance.now());
    }
  }

  get #transfer(): MigrationTransfer {
    const { transfer } = this.#target;
    if (transfer) return transfer;
    throw new EventsError(
      'InvalidContent',
      'Cannot migrate: expected a store that takes events with their ids',
    );
  }

  #plan(survey: OriginalSurvey): PlannedChannel[] {
    return planOf(
      survey.channels.map(({ name }) => name),
      this.#settings.typedNames,
    );
  }

  #reader(name: string): ChannelReader {
    const { settleMs = 5_000, signal, typedNames } = this.#settings;
    // With `keep` servers run without, and file nothing either.
    const [original, typedChannels] = [this.#original, typedNames !== 'keep'];
    const onProblem = (problem: MigrationProblem) => this.#problems.push(problem);
    return new ChannelReader({ original, name, typedChannels, settleMs, signal, onProblem });
  }

  /** Brings what there is up to the first gap that may still be filled. */
  async #catchUp({ reader, copy }: Followed): Promise<void> {
    for (let isEnd = false; !isEnd; ) {
      const found = await reader.next();
      await copy.add(found.events, reader.upTo);
      this.#added(found.events.length);
      isEnd = found.isEnd;
    }
    await this.#check({ reader, copy });
  }

  async #follow(until: AbortSignal): Promise<void> {
    const { signal } = this.#settings;
    this.#phase = 'following';
    const names = [...this.#followed.keys()];
    while (!until.aborted) {
      this.#added(0);
      const newest = await this.#original.counters(names);
      const now = performance.now();
      for (const [i, each] of [...this.#followed.values()].entries()) {
        each.reader.settling.saw(newest[i] ?? 0, now);
        if ((newest[i] ?? 0) > each.copy.lastId) await this.#catchUp(each);
      }
      await sleep(FOLLOW_EVERY_MS, undefined, { signal: until }).catch(() => {});
      signal?.throwIfAborted();
    }
  }

  /** Brings everything up to the newest ids; of each channel that was merged where its cursors are then. */
  async #finish(survey: OriginalSurvey): Promise<ReadonlyMap<string, MovedCursors>> {
    const newest = new Map(survey.channels.map(({ name, lastId }) => [name, lastId]));
    // First what need not be waited for.
    for (const each of this.#followed.values()) await this.#catchUp(each);
    for (const [name, { reader, copy }] of this.#followed) {
      for await (const events of reader.until(newest.get(name) ?? 0)) {
        await copy.add(events, reader.upTo);
        this.#added(events.length);
      }
      await this.#check({ reader, copy });
    }
    const moved = new Map<string, MovedCursors>();
    const cursors = groupedBy(survey.cursors, ({ channel }) => channel);
    for (const [{ sources }, copy] of this.#merged) {
      const merging = sources.map(({ name }) => ({
        reader: this.#reader(name),
        lastId: newest.get(name) ?? 0,
        cursors: (cursors.get(name) ?? []).map(({ after }) => after),
      }));
      const now = performance.now();
      for (const { reader, lastId } of merging) reader.settling.saw(lastId, now);
      const places = await mergeChannels(merging, copy, (count) => this.#added(count));
      for (const [i, { name }] of sources.entries()) moved.set(name, places[i] as MovedCursors);
      await copy.verify();
      for (const { reader } of merging) await this.#assertComplete(reader);
    }
    return moved;
  }

  /** Nobody is to find out at the switch only. */
  async #check({ reader, copy }: Followed): Promise<void> {
    await copy.verify();
    await this.#assertComplete(reader);
  }

  async #assertComplete(reader: ChannelReader): Promise<void> {
    if (await reader.isComplete()) return;
    throw new EventsError(
      'Conflict',
      `Channel ${JSON.stringify(reader.name)} of the original has got events below ids that were read already: run it again into an empty store, with a longer settleMs`,
    );
  }

  async #bringCursors(survey: OriginalSurvey, moved: ReadonlyMap<string, MovedCursors>): Promise<void> {
    const found = groupedBy(survey.cursors, ({ channel }) => channel);
    for (const { channel, sources } of this.#plan(survey)) {
      const cursors = sources.flatMap(({ name, type }) =>
        (found.get(name) ?? []).map(
          ({ clientId, after }): ListedCursor => ({
            ...{ clientId, type, savedAt: undefined },
            after: moved.get(name)?.get(after) ?? after,
            // So whoever has seen more than was brought goes back to the end of that.
            epoch: UNNOTED,
          }),
        ),
      );
      for (let from = 0; from < cursors.length; from += IMPORT_STEP) {
        await this.#transfer.importCursors(channel, cursors.slice(from, from + IMPORT_STEP));
      }
    }
  }

  async #bringIndices({ indices }: OriginalSurvey): Promise<void> {
    for (const index of indices) {
      const { channel, field } = await this.#target.indices.create(index);
      if (channel === index.channel && field === index.field) continue;
      this.#problems.push({
        kind: 'index-conflict',
        subject: index.id,
        message: `The target has an index of this id on channel ${JSON.stringify(channel)} by field ${JSON.stringify(field)}, which stays.`,
      });
    }
  }

  /** What comes now is not brought any more. */
  async #lookAgain({ channels }: OriginalSurvey): Promise<void> {
    const newest = await this.#original.counters(channels.map(({ name }) => name));
    for (const [i, { name, lastId }] of channels.entries()) {
      const brought = Math.max(lastId, this.#followed.get(name)?.copy.lastId ?? 0);
      if ((newest[i] ?? 0) <= brought) continue;
      this.#problems.push({
        kind: 'published-after-switch',
        subject: name,
        message: `Ids ${brought + 1} to ${newest[i]} were given after the last look: a server of the original is still used.`,
      });
    }
  }

  #added(count: number): void {
    this.#events += count;
    const [events, total] = [this.#events, Math.max(this.#total, this.#events)];
    this.#settings.onProgress?.({ phase: this.#phase, events, total });
  }

  #copies(): ChannelCopy[] {
    return [...[...this.#followed.values()].map(({ copy }) => copy), ...this.#merged.values()];
  }

  #report(survey: OriginalSurvey): MigrationReport {
    const report = reportOf(survey, this.#settings.typedNames);
    const byChannel = new Map(this.#copies().map((copy) => [copy.channel, copy]));
    const channels = report.channels.map((planned): MigratedChannel => {
      const { count, lastId, sha256 } = byChannel.get(planned.channel) as ChannelCopy;
      return { ...planned, events: count, lastId, sha256 };
    });
    return { ...report, channels, problems: [...report.problems, ...this.#problems], isDone: true };
  }
}
