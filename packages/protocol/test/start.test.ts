import { parseStart, parseTime, startExpected } from '@ganomede/events-protocol';
import { expect, it } from 'vitest';

it.each([
  ['first', 'first'],
  ['new', 'new'],
  ['1000000000000', 1000000000000],
  ['1429084002258', 1429084002258],
  ['2015-04-15', Date.UTC(2015, 3, 15)],
  ['2015-04-15T07:46Z', Date.UTC(2015, 3, 15, 7, 46)],
  ['2015-04-15T09:46:42+02:00', 1429084002000],
  ['2015-04-15T07:46:42.258Z', 1429084002258],
  ['2015-04-15T07:46:42.258999Z', 1429084002258],
  ['2016-02-29T23:59:59-01:00', Date.UTC(2016, 2, 1, 0, 59, 59)],
])('a start is read: %s', (text, start) => {
  expect(parseStart(text)).toBe(start);
});

it.each([
  '',
  'First',
  'now',
  '-1',
  '+1',
  '01',
  '0',
  '1429084002',
  '999999999999',
  '1.5',
  '1e3',
  ' 1',
  '12345678901234567',
  '2015-4-15',
  '2015-04-15T07:46:42',
  '2015-04-15 07:46:42Z',
  '2015-04-15T25:00Z',
  '2015-02-29',
  '2015-02-30T00:00Z',
  '2015-13-01',
  '2015-04-15T07:46Z ',
  'Wed Apr 15 2015',
])('what is no start is not read: %j', (text) => {
  expect(parseStart(text)).toBeUndefined();
});

it('what looks like seconds is told apart', () => {
  expect(startExpected('1429084002')).toMatch(/^milliseconds .*this looks like seconds/);
  expect(startExpected('soon')).toMatch(/^first, new, milliseconds/);
});

it('a time is no word', () => {
  expect([parseTime('new'), parseTime('1')]).toEqual([undefined, 1]);
});
