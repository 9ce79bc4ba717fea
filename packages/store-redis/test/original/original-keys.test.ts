import { describe, expect, it } from 'vitest';
import { consumersOf, parseId, possibleKeys } from '../../src/original/original-keys.js';

describe('the keys of an original', () => {
  it.each([
    ['last-fetched:mailer:users/v1', ['cursor']],
    ['indices:users/v1', ['counter']],
    ['users/v1:keys', ['channel']],
    ['users/v1:12', ['event']],
    ['users/v1:indices', ['former counter']],
    ['index:by-name:alice', ['index']],
    ['index:by-name:12', ['index', 'event']],
    ['last-fetched:a:keys', ['cursor', 'channel']],
    ['indices:indices', ['counter', 'former counter']],
    ['session', []],
    ['events:{a}:events', []],
  ])('%j may be %j', (key, kinds) => {
    expect(possibleKeys(key).map(({ kind }) => kind)).toEqual(kinds);
  });

  it.each([
    ['mailer:users/v1', [['mailer', 'users/v1']]],
    ['mailer:1:users/v1', [['mailer:1', 'users/v1']]],
    [
      'a:b:c:d',
      [
        ['a', 'b:c:d'],
        ['a:b', 'c:d'],
      ],
    ],
    ['::c:d', [[':', 'c:d']]],
    ['users/v1', []],
    [':users/v1', []],
  ])('the cursor %j is that of one of %j, the longest channel first', (name, expected) => {
    const channels = new Set(['users/v1', 'b:c:d', 'c:d']);
    const found = consumersOf(name, (channel) => channels.has(channel));
    expect(found.map(({ clientId, channel }) => [clientId, channel])).toEqual(expected);
  });

  it.each([
    ['12', 12],
    ['0', 0],
    ['-1', undefined],
    ['1.5', undefined],
    ['9007199254740993', undefined],
    ['NaN', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('an id of %j is %j', (text, id) => {
    expect(parseId(text)).toBe(id);
  });
});
