import { expect, it, onTestFinished } from 'vitest';
import { Epochs } from '../src/events/epochs.js';
import type { ChannelEnd } from '../src/storage.js';
import { LiveChannels } from '../src/waiting/live-channels.js';
import { MissedNotifications } from '../src/waiting/missed-notifications.js';
import { waiting } from './support/waiting.js';

const [A, B] = ['1-1-a-0-0', '3-2-b-1-a'];

it.each([
  ['its end is another one', { lastId: 6 }],
  ['it ends before what is known', { lastId: 4 }],
  ['it is of another epoch, though it ends where it did', { epoch: B }],
  ['events were redacted', { redactions: 1 }],
])('wakes those who wait on a channel if %s', async (_what, change) => {
  const live = new LiveChannels();
  const channel = live.use('a');
  channel.tail.start({ firstId: 1, lastId: 5, epochs: new Epochs(A, '') });
  let end: ChannelEnd = { firstId: 1, lastId: 5, timestamp: 0, epoch: A, redactions: 0, isDeleted: false };
  let looks = 0;
  const missed = new MissedNotifications(live, {
    checkEveryMs: 1,
    subscribe: async () => {},
    unsubscribe: () => {},
    ends: async () => {
      looks += 1;
      return [end];
    },
  });
  onTestFinished(() => {
    missed.close();
    live.close();
  });
  const woken = waiting(channel.waiters, 10_000);
  await expect.poll(() => looks).toBeGreaterThan(3);
  expect(channel.waiters.size, 'nothing has changed').toBe(1);
  end = { ...end, ...change };
  await woken;
  expect(channel.tail.started, 'the store is read again').toBe(false);
});

it('forgets what is held of a channel that nobody waits on once events of it were redacted', async () => {
  const live = new LiveChannels();
  const channel = live.use('a');
  channel.tail.start({ firstId: 1, lastId: 0, epochs: new Epochs(A, ''), redactions: 2 });
  channel.tail.push({ id: 1, type: 'add', json: Buffer.from('{"id":1}') }, A);
  let end: ChannelEnd = { firstId: 1, lastId: 3, timestamp: 0, epoch: A, redactions: 2, isDeleted: false };
  let looks = 0;
  const missed = new MissedNotifications(live, {
    ...{ checkEveryMs: 1, subscribe: async () => {}, unsubscribe: () => {} },
    ends: async () => {
      looks += 1;
      return [end];
    },
  });
  onTestFinished(() => {
    missed.close();
    live.close();
  });
  await expect.poll(() => looks).toBeGreaterThan(3);
  expect(channel.tail.started, 'that there are other events is no reason').toBe(true);
  end = { ...end, redactions: 3 };
  await expect.poll(() => channel.tail.started).toBe(false);
});
