import { afterEach, describe, expect } from 'vitest';
import { describeAppend } from './append.js';
import { describeClose } from './close.js';
import { describeContent } from './content.js';
import { describeCursors } from './cursors.js';
import { describeEpochs } from './epochs.js';
import { describeExpectedLastId } from './expected-last-id.js';
import { describeFollow } from './follow.js';
import { describeForgetting } from './forgetting.js';
import { describeGroups } from './groups.js';
import { describeGroupsModel } from './groups-model.js';
import { describeIdempotency } from './idempotency.js';
import { describeIndices } from './indices.js';
import { describeLatest } from './latest.js';
import { describeModel } from './model.js';
import { describeObserving } from './observing.js';
import { describePoll } from './poll.js';
import { describeRead } from './read.js';
import { describeRetention } from './retention.js';
import { describeStart } from './start.js';
import type { OpenStore, StoreUnderTest } from './store-under-test.js';
import { describeTypedChannels } from './typed-channels.js';

/** How many sequences of calls are tried, see `EventStoreSuite`. */
const MODEL_RUNS = 60;

export interface EventStoreSuite {
  /** How many sequences of calls are tried against a model, with either retention. Default 60, which takes a few seconds. */
  readonly modelRuns?: number;
  /** Whether backups are restored in the middle of these sequences, which is too slow for many stores. Default false. */
  readonly modelRestores?: boolean;
}

export { describeProcessClock } from './process-clock.js';
export { describeStorage } from './storage.js';
export type { OpenStore, StoreUnderTest } from './store-under-test.js';

/**
 * Registers the Vitest suite that every event store must pass. `open` opens a store with the given options; what
 * is in it already does not matter, since every test uses channels of its own.
 */
export function describeEventStore(
  name: string,
  open: OpenStore,
  { modelRuns = MODEL_RUNS, modelRestores = false }: EventStoreSuite = {},
): void {
  describe(`${name}, an event store`, () => {
    const opened: StoreUnderTest[] = [];

    const openForTest: OpenStore = async (options) => {
      const underTest = await open(options);
      opened.push(underTest);
      return underTest;
    };

    afterEach(async () => {
      const stores = opened.splice(0);
      const waiting = stores.map(({ store, peer }) => [store.waiting, peer.waiting]);
      await Promise.all(stores.map((underTest) => underTest.close()));
      expect(waiting, 'polls left waiting').toEqual(stores.map(() => [0, 0]));
    });

    describeAppend(openForTest);
    describeIdempotency(openForTest);
    describeExpectedLastId(openForTest);
    describeRead(openForTest);
    describeLatest(openForTest);
    describeFollow(openForTest);
    describePoll(openForTest);
    describeCursors(openForTest);
    describeStart(openForTest);
    describeEpochs(openForTest);
    describeTypedChannels(openForTest);
    describeIndices(openForTest);
    describeRetention(openForTest);
    describeGroups(openForTest);
    describeObserving(openForTest);
    describeForgetting(openForTest);
    describeContent(openForTest);
    describeClose(openForTest);
    describeModel(openForTest, modelRuns, modelRestores);
    describeGroupsModel(openForTest, modelRuns);
  });
}
