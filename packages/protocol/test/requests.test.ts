import { MAX_BATCH_EVENTS, MAX_IDEMPOTENCY_KEY_LENGTH, MAX_NAME_LENGTH } from '@ganomede/events-protocol';
import {
  BatchPublishBody,
  CreateIndexBody,
  IdempotencyKey,
  LatestQuery,
  ReadIndexParams,
  ReadIndexQuery,
} from '@ganomede/events-protocol/schemas';
import type { TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { describe, expect, it } from 'vitest';

/** The title of the first part that is wrong, as error messages say it; undefined where nothing is. */
function wrong(schema: TSchema, value: unknown): string | undefined {
  return Value.Errors(schema, value).First()?.schema.title;
}

const event = { from: 'users/v1', type: 'add' };
const batch = { clientId: 'web', channel: 'users/v1', events: [event] };
const index = { id: 'users-by-name', channel: 'users/v1:add', field: 'data.username' };

describe('BatchPublishBody', () => {
  it.each([
    [1, undefined],
    [MAX_BATCH_EVENTS, undefined],
    [0, 'events'],
    [MAX_BATCH_EVENTS + 1, 'events'],
  ])('with %i events has nothing wrong but %s', (count, title) => {
    expect(wrong(BatchPublishBody, { ...batch, events: Array(count).fill(event) })).toBe(title);
  });

  it.each([
    ['Client ID', { ...batch, clientId: '' }],
    ['Channel', { ...batch, channel: 'a\n' }],
    ['events', { ...batch, events: event }],
    ['events', { ...batch, events: undefined }],
    ['from', { ...batch, events: [event, { type: 'add' }] }],
    ['type', { ...batch, events: [{ ...event, type: '' }] }],
    ['data', { ...batch, events: [{ ...event, data: null }] }],
  ])('says Invalid %s', (title, body) => {
    expect(wrong(BatchPublishBody, body)).toBe(title);
  });
});

describe('IdempotencyKey', () => {
  it.each(['a', 'a b~!"', 'x'.repeat(MAX_IDEMPOTENCY_KEY_LENGTH)])('accepts %j', (key) => {
    expect(wrong(IdempotencyKey, key)).toBeUndefined();
  });

  it.each(['', 'x'.repeat(MAX_IDEMPOTENCY_KEY_LENGTH + 1), 'é', 'a\tb', 'a\n', '\u007f', ['a']])(
    'refuses %j',
    (key) => {
      expect(wrong(IdempotencyKey, key)).toBe('Idempotency-Key');
    },
  );
});

describe('CreateIndexBody', () => {
  it.each([
    [undefined, index],
    [undefined, { ...index, secret: 's', more: 1 }],
    ['index ID', { ...index, id: undefined }],
    ['index ID', { ...index, id: '' }],
    ['index ID', { ...index, id: 'x'.repeat(MAX_NAME_LENGTH + 1) }],
    ['Channel', { ...index, channel: 1 }],
    ['field', { ...index, field: '' }],
    ['field', { ...index, field: ['data'] }],
    ['field', { ...index, field: 'data.\u0000' }],
  ])('has wrong: %s, in %j', (title, body) => {
    expect(wrong(CreateIndexBody, body)).toBe(title);
  });
});

describe('pages that go backward', () => {
  it.each([
    ['LatestQuery', LatestQuery],
    ['ReadIndexQuery', ReadIndexQuery],
  ])('%s', (_name, schema) => {
    const query = { channel: 'users/v1' };
    expect(wrong(schema, query)).toBeUndefined();
    expect(
      wrong(schema, { ...query, secret: 's', limit: 1, before: Number.MAX_SAFE_INTEGER }),
    ).toBeUndefined();
    for (const before of [0, -1, 1.5, '1', null]) {
      expect(wrong(schema, { ...query, before })).toBe('before');
    }
    expect(wrong(schema, { ...query, limit: 0 })).toBe('limit');
  });

  it('look for any text in an index', () => {
    for (const indexValue of ['', 'a/b', '\u0000', '\ud800', 'x'.repeat(10_000)]) {
      expect(wrong(ReadIndexParams, { indexId: 'a', indexValue })).toBeUndefined();
    }
    expect(wrong(ReadIndexParams, { indexId: '', indexValue: 'a' })).toBe('index ID');
  });
});
