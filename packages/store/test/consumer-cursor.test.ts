import { expect, it } from 'vitest';
import { epochAt, epochText, parseEpochText } from '../src/consumer-cursor.js';

it('is judged by the epoch that it was saved with, until it moves behind events of another', () => {
  expect(epochAt({ after: 5, epoch: 'a' }, 5)).toBe('a');
  expect(epochAt({ after: 5, epoch: 'a' }, 6)).toBe('a');
  // The answer with events of another epoch has not arrived as long as it stays where it is.
  expect(epochAt({ after: 5, epoch: 'a', rewoundInto: 'b' }, 5)).toBe('a');
  expect(epochAt({ after: 5, epoch: 'a', rewoundInto: 'b' }, 4)).toBe('b');
  expect(epochAt({ after: 5, epoch: undefined }, 6)).toBeUndefined();
});

it('is saved with both epochs in one text', () => {
  for (const [epoch, rewoundInto] of [
    ['a', undefined],
    ['a', 'b'],
  ] as const) {
    expect(parseEpochText(epochText(epoch, rewoundInto))).toEqual({ epoch, rewoundInto });
  }
  expect(epochText('a', '')).toBe('a');
  expect(parseEpochText(undefined)).toEqual({ epoch: undefined, rewoundInto: undefined });
});
