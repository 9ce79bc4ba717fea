import { NAME_PATTERN } from '@ganomede/events-protocol';
import { describe, expect, it } from 'vitest';
import { indexedValue, indexKey } from '../src/indices/index-value.js';

const event = JSON.parse(`{
  "id": 7, "timestamp": 1429084002258, "from": "users/v1", "type": "add",
  "data": {
    "username": "alice", "empty": "", "age": 42, "height": 1.5, "big": 1e21, "active": true, "banned": false,
    "none": null, "many": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, "twelfth"], "tags": ["a", { "b": "c" }], "address": { "city": "深圳", "0": "zero" },
    "__proto__": { "polluted": "yes" }, "": { "": "nameless" }, "01": "not a number"
  }
}`);

describe('indexedValue', () => {
  it.each([
    ['type', 'add'],
    ['from', 'users/v1'],
    ['id', '7'],
    ['timestamp', '1429084002258'],
    ['data.username', 'alice'],
    ['data.empty', ''],
    ['data.age', '42'],
    ['data.height', '1.5'],
    ['data.big', '1e+21'],
    ['data.active', 'true'],
    ['data.banned', 'false'],
    ['data.tags.0', 'a'],
    ['data.tags.1.b', 'c'],
    ['data.many.12', 'twelfth'],
    ['data.address.city', '深圳'],
    ['data.address.0', 'zero'],
    ['data.__proto__.polluted', 'yes'],
    ['data..', 'nameless'],
    ['data.01', 'not a number'],
  ])('finds %s', (field, value) => {
    expect(indexedValue(event, field)).toBe(value);
  });

  it.each([
    'data',
    'data.none',
    'data.none.deeper',
    'data.tags',
    'data.address',
    'data.missing',
    'data.missing.deeper',
    'data.username.0',
    'data.username.length',
    'data.tags.length',
    'data.tags.2',
    'data.tags.00',
    'data.tags.-1',
    'data.tags.0.0',
    'data.toString',
    'data.constructor.name',
    '__proto__',
    'type.length',
    ' type',
    'Type',
    '',
    '.',
    '.type',
    'type.',
  ])('finds nothing at %j', (field) => {
    expect(indexedValue(event, field)).toBeUndefined();
  });
});

describe('indexKey', () => {
  it('leaves short plain values as they are', () => {
    expect(indexKey('alice')).toBe('=alice');
    expect(indexKey('')).toBe('=');
    expect(indexKey('深圳 😀:{}')).toBe('=深圳 😀:{}');
  });

  it('is short, plain and different for different values', () => {
    const long = 'x'.repeat(10_000);
    const values = [
      ...['', 'a', '=a', '#a', 'a\u0000', 'a\n', '\ud800', '\udc00', '\ufffd', 'é', 'e\u0301'],
      ...[long, `${long}x`, `=${long}`, indexKey(long), 'x'.repeat(128), 'x'.repeat(129)],
    ];
    const keys = values.map(indexKey);
    expect(new Set(keys).size).toBe(values.length);
    for (const key of keys) {
      expect(key.length).toBeLessThanOrEqual(129);
      expect(key).toMatch(new RegExp(`^[=#](?:${NAME_PATTERN.source.slice(1, -1)})$`));
    }
  });
});
