import { expect, it } from 'vitest';
import { Keys } from '../src/keys.js';

it.each([
  ['users/v1', undefined],
  ['users/v1', 'add'],
  ['{100 %}', 'a}:cursors'],
  ['größe', 'a\u2028b'],
])('the cursors of %j and %j are known again by their key', (channel, type) => {
  const keys = new Keys('events:');
  expect(keys.parseCursors(keys.cursors(channel, type))).toEqual({ channel, type });
});

it.each(['events:{a}', 'events:{a}:cursors2', 'events:{a}:events', 'other:{a}:cursors', 'events:cursors'])(
  'at %j there are none',
  (key) => {
    expect(new Keys('events:').parseCursors(key)).toBeUndefined();
  },
);
