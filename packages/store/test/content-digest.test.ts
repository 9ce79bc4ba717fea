import { expect, it } from 'vitest';
import { Epochs } from '../src/events/epochs.js';
import { DEFAULT_GROUP_SETTINGS } from '../src/groups/group-settings.js';
import { ContentDigest } from '../src/transfer/content-digest.js';
import type { StoreRecord } from '../src/transfer/read-store.js';
import type { GroupEntry, GroupSnapshot } from '../src/transfer/transfer-storage.js';

const cursor = { clientId: 'c', type: 't', after: 1, savedAt: 2, epoch: 'e' };
const entry: GroupEntry = {
  ...{ id: 1, state: 'dying', dueAt: 0, value: 'v', count: 1, clientId: 'c' },
  ...{ firstDeliveredAt: 2, endedAt: 3, reason: 'r', deadLetterId: 4 },
};
const group: GroupSnapshot = {
  scope: { channel: 'a', type: 't', group: 'g' },
  settings: { ...DEFAULT_GROUP_SETTINGS, order: 'o', deadLetters: 'd' },
  ...{ after: 1, redelivered: 2, missed: 3, createdAt: 4, forgotten: 5, entries: [entry] },
};
const bounds = { lastId: 3, timestamp: 4, isDeleted: false, epochs: Epochs.NONE };
const event = { id: 1, json: Buffer.from('{"id":1}'), filed: 't' };
const index = { id: 'i', channel: 'a', field: 'f' };

/** Each kind of thing that a record tells, otherwise in one point. */
const cursors = [
  { clientId: 'd' },
  { type: undefined },
  { after: 2 },
  { savedAt: undefined },
  { epoch: undefined },
];
const scopes = [{ type: undefined }, { group: 'h' }];
const settings = [
  ...[{ leaseMs: 1 }, { maxDeliveries: 1 }, { backoffMs: [1] }, { maxPending: 1 }],
  ...[{ order: undefined }, { deadLetters: undefined }],
];
const groups = [
  { after: 9 },
  { redelivered: 9 },
  { missed: 9 },
  { createdAt: 9 },
  { forgotten: 9 },
  { entries: [] },
];
const entries: Partial<GroupEntry>[] = [
  ...[{ id: 9 }, { state: 'delayed' as const }, { value: 'w' }, { count: 9 }, { clientId: 'd' }],
  ...[{ firstDeliveredAt: 9 }, { endedAt: 9 }, { reason: 's' }, { deadLetterId: undefined }],
];
const ends = [{ lastId: 9 }, { timestamp: 9 }, { isDeleted: true }];
const events = [{ json: Buffer.from('{"id":2}') }, { filed: undefined }, { filed: 'u' }];
const indices = [{ id: 'j' }, { channel: 'b' }, { field: 'g' }];

const told = (records: readonly StoreRecord[], channel = 'a'): StoreRecord[] => [
  { kind: 'channel', channel },
  ...records,
  { kind: 'end' },
];

function digestOf(...records: readonly StoreRecord[]): string {
  const digest = new ContentDigest();
  for (const record of records) digest.add(record);
  return digest.total;
}

it('tells apart what differs in one point, whatever that is', () => {
  const stores: StoreRecord[][] = [
    [],
    told([]),
    told([], 'b'),
    ...[{}, ...cursors].map((change) => told([{ kind: 'cursors', cursors: [{ ...cursor, ...change }] }])),
    ...[{}, ...scopes].map((change) =>
      told([{ kind: 'group', group: { ...group, scope: { ...group.scope, ...change } } }]),
    ),
    ...settings.map((change) =>
      told([{ kind: 'group', group: { ...group, settings: { ...group.settings, ...change } } }]),
    ),
    ...groups.map((change) => told([{ kind: 'group', group: { ...group, ...change } }])),
    ...entries.map((change) =>
      told([{ kind: 'group', group: { ...group, entries: [{ ...entry, ...change }] } }]),
    ),
    ...[{}, ...ends].map((change) => told([{ kind: 'bounds', bounds: { ...bounds, ...change } }])),
    ...[{}, ...events].map((change) => told([{ kind: 'events', events: [{ ...event, ...change }] }])),
    ...[{}, ...indices].map((change): StoreRecord[] => [{ kind: 'index', index: { ...index, ...change } }]),
  ];
  const digests = stores.map((records) => digestOf(...records));
  expect(new Set(digests).size).toBe(stores.length);
  for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{64}$/);
});

it('is the same whatever the order of channels, the epochs of ids and when a delayed event is due', () => {
  const one = told([{ kind: 'events', events: [event] }]);
  const two = told([{ kind: 'cursors', cursors: [cursor] }], 'b');
  const by: StoreRecord = { kind: 'index', index };
  expect(digestOf(by, ...two, ...one)).toBe(digestOf(...one, ...two, by));
  const begun = Epochs.NONE.begin({ term: 'a', firstId: 1, lastId: 0, now: 5 });
  const later = { ...group, entries: [{ ...entry, dueAt: 9 }] };
  expect(
    digestOf(
      ...told([
        { kind: 'group', group: later },
        { kind: 'bounds', bounds: { ...bounds, epochs: begun } },
      ]),
    ),
  ).toBe(
    digestOf(
      ...told([
        { kind: 'group', group },
        { kind: 'bounds', bounds },
      ]),
    ),
  );
});
