import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import {
  type Event,
  type EventData,
  type EventInput,
  EventsError,
  type Metadata,
  parseTime,
} from '@ganomede/events-protocol';
import { show } from '../answers/show.js';

/** A CloudEvent in the JSON format, and a batch of them. */
export const CLOUD_EVENT_TYPE = 'application/cloudevents+json';
export const CLOUD_EVENTS_TYPE = 'application/cloudevents-batch+json';

/** What an attribute has to be. */
interface Rule {
  readonly expected: string;
  matches(text: string): boolean;
}

const NON_EMPTY: Rule = { expected: 'a non-empty string', matches: (text) => text !== '' };
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
const MEDIA_TYPE = /^[^\s/;]+\/[^\s/;]+\s*(?:;.*)?$/;
/** What data is if nothing is said. */
const PLAIN_JSON = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i;
const ABSOLUTE_URI = /^[a-z][a-z\d+.-]*:[\w\-.~:/?#[\]@!$&'()*+,;=%]+$/i;

/** The attributes for which an event has no field. It keeps them as metadata, under a name that no extension can have: `ce-id`. */
const KEPT: ReadonlyMap<string, Rule> = new Map([
  ['id', NON_EMPTY],
  ['subject', NON_EMPTY],
  [
    'time',
    {
      expected: 'an RFC 3339 time such as 2026-11-28T16:00:00Z',
      matches: (text) => RFC_3339.test(text) && parseTime(text) !== undefined,
    },
  ],
  [
    'datacontenttype',
    { expected: 'a media type such as application/json', matches: (text) => MEDIA_TYPE.test(text) },
  ],
  ['dataschema', { expected: 'an absolute URI', matches: (text) => ABSOLUTE_URI.test(text) }],
]);

/** The name of a kept attribute in the metadata. */
const keptName = (attribute: string) => `ce-${attribute}`;

const EXTENSION = /^[a-z\d]{1,64}$/;
/** Of the server's own extensions: they tell of where an event is stored. */
const OWN = /^ganomede/;
const ATTRIBUTES: ReadonlySet<string> = new Set([
  ...KEPT.keys(),
  ...['specversion', 'source', 'type', 'data'],
]);

/**
 * The event of a CloudEvent 1.0: `source` is its `from`, extensions are its metadata, in the order of their names, so that what is
 * sent again in another order is the same. `where`: which one of several, for messages. Null is nothing, but as `data`;
 * the extensions that a server of this kind has added are its own, and `secret` is not part of an event.
 *
 * @throws EventsError `InvalidContent`
 */
export function eventOf(cloudEvent: unknown, where = ''): EventInput {
  if (typeof cloudEvent !== 'object' || cloudEvent === null || Array.isArray(cloudEvent)) {
    throw invalid('CloudEvent', where, 'a JSON object', cloudEvent);
  }
  const { specversion, source, type, data, secret: _, ...others } = cloudEvent as Record<string, unknown>;
  if (specversion !== '1.0') throw invalid('specversion', where, '"1.0"', specversion);
  const from = textOf('source', source, NON_EMPTY, where);
  const event = { from, type: textOf('type', type, NON_EMPTY, where), metadata: metadataOf(others, where) };
  if (data === undefined) return event;
  if (typeof data !== 'object' || data === null) {
    throw invalid('data', where, 'a JSON object or array', data);
  }
  return { ...event, data: data as EventData };
}

function metadataOf(attributes: Record<string, unknown>, where: string): Metadata {
  const metadata: Metadata = { [keptName('id')]: textOf('id', attributes.id, NON_EMPTY, where) };
  for (const name of Object.keys(attributes).sort()) {
    const value = attributes[name];
    if (value === undefined || value === null || OWN.test(name)) continue;
    // Binary mode always says it, the others need not: sent again in another mode it is the same.
    if (name === 'datacontenttype' && PLAIN_JSON.test(String(value))) continue;
    const rule = KEPT.get(name);
    if (rule !== undefined) metadata[keptName(name)] = textOf(name, value, rule, where);
    else metadata[extensionName(name, where)] = extensionText(name, value, where);
  }
  return metadata;
}

function textOf(name: string, value: unknown, { expected, matches }: Rule, where: string): string {
  if (typeof value !== 'string' || !matches(value)) throw invalid(name, where, expected, value);
  return value;
}

function extensionName(name: string, where: string): string {
  if (EXTENSION.test(name)) return name;
  const expected =
    name === 'data_base64'
      ? 'data as a JSON object or array, not in Base64'
      : 'extensions named by 1 to 64 characters of a-z 0-9';
  throw invalid('CloudEvent', where, expected, name);
}

function extensionText(name: string, value: unknown, where: string): string {
  if (typeof value === 'string' || typeof value === 'boolean' || Number.isInteger(value))
    return String(value);
  throw invalid(name, where, 'a string, a boolean or an integer', value);
}

/**
 * The CloudEvent of a request in binary mode: its attributes are headers, its data is the body.
 *
 * @throws EventsError `InvalidContent` if a header cannot be read
 */
export function cloudEventOfHeaders(headers: IncomingHttpHeaders, data: unknown): Record<string, unknown> {
  const attributes = Object.entries(headers)
    .filter(([name]) => name.startsWith('ce-'))
    .map(([name, value]) => [name.slice(3), decodeHeader(name, String(value))]);
  const datacontenttype = data === undefined ? undefined : headers['content-type'];
  return { ...Object.fromEntries(attributes), datacontenttype, data };
}

/** Headers hold printable ASCII; what is none is percent-encoded. Older senders quote instead. */
function decodeHeader(name: string, header: string): string {
  const expected = 'printable ASCII, and else percent-encoded UTF-8';
  if (!/^[\x20-\x7e]*$/.test(header)) throw invalid(name, '', expected, header);
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(header)?.[1];
  const text = quoted === undefined ? header : quoted.replaceAll(/\\(.)/g, '$1');
  try {
    return text.replaceAll(/(?:%[\da-f]{2})+/gi, decodeURIComponent);
  } catch {
    throw invalid(name, '', expected, header);
  }
}

/** The idempotency key of an event that came as a CloudEvent: what has its `source` and `id` is the same event. */
export function cloudEventKey({ from, metadata }: EventInput): string {
  const identity = JSON.stringify([from, metadata?.[keptName('id')]]);
  return keptName(createHash('sha256').update(identity).digest('base64url'));
}

/**
 * An event as a CloudEvent 1.0 in the JSON format, valid whatever its publisher sent: one that came as a CloudEvent has the attributes
 * that it came with; metadata whose name is none of an extension is left out. `channel`: that has its id.
 */
export function cloudEventOf(event: Event, channel: string): Record<string, unknown> {
  const { id, timestamp, from, type, data, metadata = {}, redacted } = event;
  const kept = (attribute: string) => {
    const text = metadata[keptName(attribute)];
    return text !== undefined && KEPT.get(attribute)?.matches(text) ? text : undefined;
  };
  const storedAt = new Date(timestamp).toISOString();
  const extensions = Object.entries(metadata).filter(
    ([name]) => EXTENSION.test(name) && !ATTRIBUTES.has(name) && !OWN.test(name),
  );
  return {
    specversion: '1.0',
    // The same id may be in another channel, and, if the store came back older, have been given twice.
    id: kept('id') ?? `${channel}/${id}@${timestamp}`,
    source: uriReference(from),
    type,
    subject: kept('subject'),
    time: kept('time') ?? storedAt,
    datacontenttype: kept('datacontenttype') ?? (data === undefined ? undefined : 'application/json'),
    dataschema: kept('dataschema'),
    ...Object.fromEntries(extensions),
    ganomedeid: `${id}`,
    ganomedetime: storedAt,
    ganomederedacted: redacted,
    data,
  };
}

/** A text as a URI reference: what cannot stand in one is percent-encoded. */
function uriReference(text: string): string {
  const encoded = text.replaceAll(/[^\w\-.~:/?#@!$&'()*+,;=%]|%(?![\da-f]{2})/giu, percentEncoded);
  const [path, ...fragments] = encoded.split('#');
  return fragments.length === 0 ? encoded : `${path}#${fragments.join('%23')}`;
}

function percentEncoded(character: string): string {
  return Buffer.from(character).toString('hex').toUpperCase().replaceAll(/../g, '%$&');
}

function invalid(name: string, where: string, expected: string, value: unknown): EventsError {
  return new EventsError(
    'InvalidContent',
    `Invalid ${name}${where}: expected ${expected}, got ${show(value)}`,
  );
}
