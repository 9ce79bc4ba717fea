import { expect, it } from 'vitest';
import { eventText, headerOf } from '../src/events/event-text.js';

it('tells the id and the timestamp of a stored event', () => {
  const text = eventText(9_007_199_254_740_991, 1_429_084_002_258, '"from":"f","type":"t"}');
  expect(JSON.parse(text.toString())).toMatchObject({ from: 'f', type: 't' });
  expect(headerOf(text)).toEqual({ id: 9_007_199_254_740_991, timestamp: 1_429_084_002_258 });
});

it.each(['', '{}', '{"id":"7","timestamp":1,', ' {"id":7,"timestamp":1,'])(
  'tells that %j is none',
  (text) => {
    expect(headerOf(Buffer.from(text))).toEqual({ id: Number.NaN, timestamp: Number.NaN });
  },
);
