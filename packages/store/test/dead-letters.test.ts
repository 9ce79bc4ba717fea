import { expect, it } from 'vitest';
import { openEventStore } from '../src/event-store.js';
import { writeDeadLetters } from '../src/groups/dead-letters.js';
import { DEFAULT_GROUP_SETTINGS } from '../src/groups/group-settings.js';
import { MemoryStorage } from '../src/memory/memory-storage.js';
import { RetentionRules } from '../src/retention/retention-rules.js';

it('of an event that is redacted after a crash before the burial is redacted with what comes next', async () => {
  const storage = new MemoryStorage();
  const store = await openEventStore(() => storage);
  await store.append('a', [{ from: 'f', type: 't', data: { name: 'secret' } }]);
  // Which values it has is known to an index.
  await store.createIndex({ id: 'by-name', channel: 'a.dead-letters', field: 'data.event.data.name' });
  const secret = { id: 'by-name', value: 'secret', limit: 9 };
  const retention = new RetentionRules({ maxAgeMs: 0, maxEvents: 0 });
  const dying = {
    ...{ id: 1, deadLetterId: undefined, count: 1, reason: 'bad' },
    ...{ firstDeliveredAt: 1, endedAt: 2, clientId: 'c' },
  };
  const write = () =>
    writeDeadLetters(
      { storage, typedChannels: true, retention },
      { channel: 'a', type: undefined, group: 'g' },
      DEFAULT_GROUP_SETTINGS,
      [dying],
    );
  const letters = () => store.read({ channel: 'a.dead-letters', after: 0, limit: 9 });
  expect(await write()).toEqual([{ id: 1, deadLetterId: 1 }]);
  expect((await letters()).json.toString()).toContain('secret');
  expect((await store.readIndex(secret)).rows.count).toBe(1);
  await store.redact('a', [1]);
  expect(await write()).toEqual([{ id: 1, deadLetterId: 1 }]);
  expect((await letters()).events).toMatchObject([{ id: 1, type: 't', redacted: true }]);
  expect((await letters()).json.toString()).not.toContain('secret');
  expect((await store.readIndex(secret)).rows.count).toBe(0);
  await store.close();
});
