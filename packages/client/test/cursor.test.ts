import { expect, test } from 'vitest';
import { Cursor } from '../src/index.js';

test('needs the name of a channel', () => {
  const problem = 'new Cursor() requires channel to be non-empty string, got';
  expect(() => new Cursor('')).toThrow(`${problem} "" (string)`);
  expect(() => new Cursor(undefined as unknown as string)).toThrow(`${problem} undefined (undefined)`);
});

test('advances behind the newest event and keeps channel and limit', () => {
  const cursor = new Cursor('a', { limit: 5 });
  const next = cursor.advance([{ id: 3 }, { id: 7 }, { id: 4 }]);
  expect(next).toEqual(new Cursor('a', { after: 7, limit: 5 }));
  expect({ ...cursor }).toEqual({ channel: 'a', after: null, limit: 5, epoch: null });
});

test('stays where it is without events', () => {
  const cursor = new Cursor('a', { after: 2 });
  expect(cursor.advance([])).toBe(cursor);
  expect(cursor.advance(null)).toBe(cursor);
  expect(cursor.advance()).toBe(cursor);
  expect(cursor.advance(new Error('no events'))).toBe(cursor);
});

test('knows no id but numbers', () => {
  const cursor = new Cursor('a', { after: 2 });
  const odd = [{}, { id: 'x' }, { id: Number.NaN }, { id: Number.NEGATIVE_INFINITY }] as { id: number }[];
  expect(cursor.advance(odd)).toBe(cursor);
  expect(cursor.advance([...odd, { id: 1 }]).after).toBe(1);
});

test('a query holds what is known', () => {
  expect(new Cursor('a').toQuery()).toEqual({ channel: 'a' });
  expect(new Cursor('a', { after: null, limit: null }).toQuery()).toEqual({ channel: 'a' });
  expect(new Cursor('a', { after: 0, limit: 10 }).toQuery()).toEqual({ channel: 'a', after: 0, limit: 10 });
});
