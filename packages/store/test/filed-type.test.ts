import { MAX_NAME_LENGTH } from '@ganomede/events-protocol';
import { describe, expect, it } from 'vitest';
import { filedType } from '../src/events/filed-type.js';

const of = (name: string, type: string, typed = true) => filedType(name, { from: 'test', type }, typed);

describe('filedType', () => {
  it.each([
    ['a', 'add', 'add'],
    ['a:remove', 'add', 'remove'],
    ['a:b:c', 'add', 'b:c'],
    ['a', 'b:c', 'b:c'],
    ['a', ':', ':'],
    ['a', '😀', '😀'],
    ['a', 'x'.repeat(MAX_NAME_LENGTH - 2), 'x'.repeat(MAX_NAME_LENGTH - 2)],
    ['a', 'x'.repeat(MAX_NAME_LENGTH - 1), undefined],
    ['a', 'b\u0000', undefined],
    ['a', '\ud800', undefined],
    // `:a:add` is opaque, and `a::add` is the type `:add` of `a`.
    [':a', 'add', undefined],
    ['a:', 'add', undefined],
  ])('of an event in %j with type %j is %j', (name, type, expected) => {
    expect(of(name, type)).toBe(expected);
  });

  it('is none where typed channels are off', () => {
    expect(of('a', 'add', false)).toBeUndefined();
    expect(of('a:b', 'add', false)).toBeUndefined();
  });
});
