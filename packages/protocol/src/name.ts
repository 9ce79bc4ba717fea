import { Type } from '@sinclair/typebox';

/** Longest channel name, clientId, index ID and field, in UTF-16 code units (what `String.length` counts). */
export const MAX_NAME_LENGTH = 256;

/** No control character and no half of a surrogate pair, so that a name survives UTF-8, URLs and logs. */
const NAME_PATTERN =
  '^(?:[^\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]|[\\ud800-\\udbff][\\udc00-\\udfff])*$';

const nameRule = `a non-empty string of at most ${MAX_NAME_LENGTH} characters without control characters`;

/** The schema of a text that names something. */
export const name = (title: string, examples: string[], meaning = '') =>
  Type.String({
    title,
    description: meaning === '' ? nameRule : `${nameRule}: ${meaning}`,
    minLength: 1,
    maxLength: MAX_NAME_LENGTH,
    pattern: NAME_PATTERN,
    examples,
  });
