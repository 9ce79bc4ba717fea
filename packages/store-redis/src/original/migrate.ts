import type { RedisAddress } from '../options.js';
import type { MigrationTarget } from './channel-copy.js';
import { Migration, type MigrationSettings } from './migration.js';
import { type MigrationReport, reportOf } from './migration-report.js';
import { OriginalRedis, type OriginalRedisOptions } from './original-redis.js';
import { surveyOriginal } from './survey.js';

export interface MigrateOptions extends MigrationSettings, OriginalRedisOptions {
  /** The Redis of the original, of any version. It is only read. */
  readonly from: RedisAddress;
  /**
   * The storage of any store, empty or left by an earlier run of this; nobody may append to it meanwhile. It stays the caller's.
   * It may be in the same Redis. Default: none, which only reports.
   */
  readonly to?: MigrationTarget | undefined;
  /** Told what was found, before anything is changed. */
  readonly onReport?: ((report: MigrationReport) => void) | undefined;
}

/**
 * Brings what an original `ganomede-events` has stored into a store of this project: events with their ids and timestamps, the
 * counters, the cursors of all consumers, and the definitions of indices, which are then built again from the events. The Redis of
 * the original is only read.
 *
 * It can be broken off and run again, as long as no server uses the target: what is there is compared and passed over. What was
 * brought is read again, and compared by number and hash.
 *
 * @throws RangeError (as a rejection) if options contradict each other, or `typedNames` is needed and not given
 * @throws EventsError (as a rejection) `Conflict` if the target has something else, or came out differently; `ServiceUnavailable` if one
 * of the two cannot be reached
 * @throws the reason of `signal` (as a rejection) if that aborts
 */
export async function migrateOriginal(options: MigrateOptions): Promise<MigrationReport> {
  const { from, to, typedNames, followUntil, signal, onReport } = options;
  if (typedNames === 'merge' && followUntil !== undefined) {
    throw new RangeError(
      'Invalid followUntil: expected none with typedNames "merge", which gives new ids: stop the original first',
    );
  }
  const original = await OriginalRedis.open(from, options);
  try {
    const survey = await surveyOriginal(original, signal);
    const report = reportOf(survey, typedNames);
    onReport?.(report);
    return to === undefined ? report : await new Migration(original, to, options).run(survey);
  } finally {
    original.close();
  }
}
