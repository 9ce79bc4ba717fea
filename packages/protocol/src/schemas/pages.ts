import { Type } from '@sinclair/typebox';
import { DEFAULT_LIMIT } from '../limits.js';
import { MAX_NAME_LENGTH, NAME_PATTERN } from '../name-rule.js';

/** Of lists that are sorted by name: the last one of the page before. */
export const PageStart = Type.String({
  title: 'after',
  description: 'the last name of the page before, a text',
  maxLength: MAX_NAME_LENGTH,
  pattern: NAME_PATTERN.source,
});

export const PageLimit = Type.Integer({
  title: 'limit',
  description: 'an integer from 1, the most names to return',
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  default: DEFAULT_LIMIT,
});
