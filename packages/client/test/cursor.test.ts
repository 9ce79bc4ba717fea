import { expect, test } from 'vitest';
import { Cursor } from '../src/index.js';

test('needs the name of a channel', () => {
  expect(() => new Cursor('')).toThrow('Invalid channel: expected a non-empty string, got ""');
  expect(() => new Cursor(undefined as unknown as string)).toThrow(TypeError);
});

test('advances behind the newest event and keeps channel and limit', () => {
  const cursor = new Cursor('a', { limit: 5 });
  const next = cursor.advance([{ id: 3 }, { id: 7 }, { id: 4 }]);
  expect(next).toEqual(new Cursor('a', { after: 7, limit: 5 }));
  expect(cursor.after).toBeUndefined();
});

test('stays where it is without events', () => {
  const cursor = new Cursor('a', { after: 2 });
  expect(cursor.advance([])).toBe(cursor);
  expect(cursor.advance(null)).toBe(cursor);
  expect(cursor.advance()).toBe(cursor);
});

test('a query holds what is known', () => {
  expect(new Cursor('a').toQuery()).toEqual({ channel: 'a' });
  expect(new Cursor('a', { after: null, limit: null }).toQuery()).toEqual({ channel: 'a' });
  expect(new Cursor('a', { after: 0, limit: 10 }).toQuery()).toEqual({ channel: 'a', after: 0, limit: 10 });
});
