import { Type } from '@sinclair/typebox';

/** Of a publish that may be sent again: the same (clientId, channel, key) is stored once. */
export const IDEMPOTENCY_KEY_HEADER = 'Idempotency-Key';

/** Longest idempotency key, characters. */
export const MAX_IDEMPOTENCY_KEY_LENGTH = 255;

/** Value of the header `Idempotency-Key`. */
export const IdempotencyKey = Type.String({
  title: IDEMPOTENCY_KEY_HEADER,
  description: `1 to ${MAX_IDEMPOTENCY_KEY_LENGTH} printable ASCII characters`,
  minLength: 1,
  maxLength: MAX_IDEMPOTENCY_KEY_LENGTH,
  pattern: '^[\\u0020-\\u007e]*$',
  examples: ['7f9c4b8e-5d52-4c5b-9d0e-1f6a2f0f7c1d'],
});
