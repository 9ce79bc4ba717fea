import { Type } from '@sinclair/typebox';
import { MAX_NAME_LENGTH, NAME_PATTERN } from '../name-rule.js';

const nameRule = `a non-empty string of at most ${MAX_NAME_LENGTH} characters without control characters`;

/** The schema of a text that names something. */
const name = (title: string, examples: string[], meaning = '') =>
  Type.String({
    title,
    description: meaning === '' ? nameRule : `${nameRule}: ${meaning}`,
    minLength: 1,
    maxLength: MAX_NAME_LENGTH,
    pattern: NAME_PATTERN.source,
    examples,
  });

/** The name of a channel as it goes over the wire: `users/v1`, or `users/v1:add` for one type of it. */
export const ChannelName = name('Channel', ['users/v1', 'users/v1:add']);

/** Names one consumer. The server keeps one saved cursor per (clientId, channel name). */
export const ClientId = name('Client ID', ['mailer']);

/** Names an index among all indices, whatever their channels. */
export const IndexId = name('index ID', ['users-by-name']);

/** Where in an event the indexed value is: names of own properties, and numbers of array elements, joined by dots. */
export const IndexField = name(
  'field',
  ['data.username', 'type', 'data.tags.0'],
  'a path such as data.username',
);

/** Names a group of workers among those of its channel name. */
export const GroupName = name('group', ['mailers']);
