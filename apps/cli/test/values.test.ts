import { describe, expect, it } from 'vitest';
import { durationValue, idsValue, timeValue } from '../src/commands/values.js';
import { table } from '../src/terminal/table.js';
import { duration, localTime } from '../src/terminal/wording.js';

describe('values of the command line', () => {
  it('are durations, times, ids and ranges of them', () => {
    expect(['250ms', '90s', '15m', '2h', '7d'].map(durationValue)).toEqual([
      250, 90e3, 900e3, 7200e3, 604800e3,
    ]);
    expect(timeValue('2026-11-28T16:00:00Z').toISOString()).toBe('2026-11-28T16:00:00.000Z');
    expect(timeValue('1429084002258').getTime()).toBe(1429084002258);
    expect(['5', '3-4', '4-5'].reduce<number[]>((ids, text) => idsValue(text, ids), [])).toEqual([3, 4, 5]);
    expect(() => idsValue('1-1000001')).toThrow('at most 1000000');
  });

  it('are shown in their largest unit', () => {
    expect([5, 1_500, 61_000, 7_200_000, 200_000_000].map(duration)).toEqual([
      '5 ms',
      '1 s',
      '1 min',
      '2 h',
      '2 d',
    ]);
    expect(localTime(0)).toMatch(/^(1970-01-01|1969-12-31) \d\d:\d\d:00\.000$/);
    expect(localTime(Number.MAX_SAFE_INTEGER)).toBe('9007199254740991');
  });
});

describe('a table', () => {
  it('has columns as wide as what is in them, also where letters are wide', () => {
    const rows = [
      { name: '注文', count: 5 },
      { name: 'orders', count: 1234 },
      { name: 'a\u001b[2J', count: undefined },
    ];
    const lines = table(
      [
        { title: 'NAME', text: ({ name }) => name },
        { title: 'COUNT', text: ({ count }) => count?.toString(), isNumber: true },
      ],
      rows,
      (text) => text,
    );
    expect(lines).toEqual([
      'NAME        COUNT',
      '注文            5',
      'orders       1234',
      'a\\u001b[2J      -',
    ]);
  });
});
