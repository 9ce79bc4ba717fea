import { MAX_NAME_LENGTH, parseChannel } from '@ganomede/events-protocol';
import { ChannelName, ClientId } from '@ganomede/events-protocol/schemas';
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';

describe('parseChannel', () => {
  it.each([
    ['users/v1', 'users/v1', undefined],
    ['users/v1:add', 'users/v1', 'add'],
    ['users/v1:add:more', 'users/v1', 'add:more'],
    [':add', ':add', undefined],
    ['users/v1:', 'users/v1:', undefined],
    [':', ':', undefined],
    ['a::', 'a', ':'],
  ])('reads %j as channel %j and type %j', (name, channel, type) => {
    expect(parseChannel(name, true)).toEqual({ channel, type });
  });

  it('leaves every name whole where typed channels are off', () => {
    expect(parseChannel('users/v1:add', false)).toEqual({ channel: 'users/v1:add', type: undefined });
  });
});

describe.each([
  ['ChannelName', ChannelName],
  ['ClientId', ClientId],
])('%s', (_name, schema) => {
  it.each(['a', 'users/v1:add', 'é😀', ' ', 'x'.repeat(MAX_NAME_LENGTH)])('accepts %j', (value) => {
    expect(Value.Check(schema, value)).toBe(true);
  });

  it.each([
    '',
    'a\u0000',
    'a\nb',
    '\u007f',
    '\u0085',
    '\ud800',
    'a\udc00b',
    'x'.repeat(MAX_NAME_LENGTH + 1),
    1,
    null,
    ['a'],
  ])('refuses %j', (value) => {
    expect(Value.Check(schema, value)).toBe(false);
  });
});
