import { ERRORS, EventsError, isRetryable } from '@ganomede/events-protocol';
import { expect, it } from 'vitest';

it('an error has the status of its code', () => {
  const cause = new Error('ENOSPC');
  const error = new EventsError('ServiceUnavailable', 'The store is full', { cause, retryAfterS: 5 });
  expect(error).toMatchObject({
    name: 'EventsError',
    code: 'ServiceUnavailable',
    status: 503,
    retryAfterS: 5,
  });
  expect(error.cause).toBe(cause);
});

it.each(Object.entries(ERRORS))('%s can be retried as the table says', (code, { status, retryable }) => {
  expect(isRetryable(status, code)).toBe(retryable);
  // What has the code of the table means what the table says, whatever a proxy makes of its status.
  expect(isRetryable(418, code)).toBe(retryable);
});

it.each([
  [500, true],
  [502, true],
  [504, true],
  [408, true],
  [425, true],
  [429, true],
  [301, false],
  [400, false],
  [404, false],
  [409, false],
])('an answer %i that is not of the table can be retried: %s', (status, retryable) => {
  expect(isRetryable(status)).toBe(retryable);
  expect(isRetryable(status, 'InvalidVersion')).toBe(retryable);
  expect(isRetryable(status, 'toString')).toBe(retryable);
});
