import { validateHeaderValue } from 'node:http';
import type { EventHeader } from '@ganomede/events-protocol';
import { isSpecial, SPECIAL_NAMES } from './channel-map.js';
import type { Expected } from './http.js';

/** Options of `send` and `sendBatch`. */
export interface SendOptions {
  /**
   * Names this very send. The server stores what comes under one key once, and answers a repetition (of this client id, on
   * this channel, within the server's window of ten minutes by default) with the headers of the first; the same key with
   * something else fails with `IdempotencyKeyReused`. Default: a random one for each call.
   */
  idempotencyKey?: string | undefined;
}

/** @throws TypeError where this cannot be the name of a channel. */
export function checkChannel(channel: unknown): asserts channel is string {
  if (typeof channel !== 'string' || channel === '') {
    throw new TypeError(
      `Invalid channel: expected a non-empty string, got ${channel === '' ? '""' : typeof channel}`,
    );
  }
  if (isSpecial(channel)) {
    throw new TypeError(`Invalid channel: expected none of ${SPECIAL_NAMES.join(', ')}, got "${channel}"`);
  }
}

/** The body that publishes one event. @throws TypeError where it cannot be sent. */
export function bodyOfEvent(clientId: string, channel: unknown, event: unknown): string {
  checkChannel(channel);
  return JSON.stringify({ clientId, channel, ...fieldsOf(event, '') });
}

/** The body that publishes several events. @throws TypeError that says which one cannot be sent. */
export function bodyOfBatch(clientId: string, channel: unknown, events: unknown): string {
  checkChannel(channel);
  if (!Array.isArray(events)) throw new TypeError(`Invalid events: expected an array, got ${typeof events}`);
  return JSON.stringify({
    clientId,
    channel,
    events: events.map((event, index) => fieldsOf(event, ` of events[${index}]`)),
  });
}

/** @throws TypeError where it cannot be a header. */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string' || key === '') {
    throw new TypeError(`Invalid idempotencyKey: expected a non-empty string, got ${JSON.stringify(key)}`);
  }
  try {
    validateHeaderValue('Idempotency-Key', key);
  } catch {
    throw new TypeError(
      `Invalid idempotencyKey: expected characters that an HTTP header can carry, got ${JSON.stringify(key)}`,
    );
  }
}

function fieldsOf(event: unknown, where: string): { from: string; type: string; data?: object | undefined } {
  if (typeof event !== 'object' || event === null) {
    throw new TypeError(`Invalid event${where}: expected an object with from and type`);
  }
  const { from, type, data } = event as { from?: unknown; type?: unknown; data?: unknown };
  if (typeof from !== 'string' || from === '') {
    throw new TypeError(`Invalid from${where}: expected a non-empty string`);
  }
  if (typeof type !== 'string' || type === '') {
    throw new TypeError(`Invalid type${where}: expected a non-empty string`);
  }
  if (data !== undefined && (typeof data !== 'object' || data === null)) {
    const got = data === null ? 'null' : typeof data;
    throw new TypeError(`Invalid data${where}: expected an object or an array, got ${got}`);
  }
  return { from, type, data };
}

export const HEADER: Expected<EventHeader> = {
  what: 'an event header {id, timestamp}',
  read: (json) => (isHeader(json) ? json : undefined),
};

export function headersOf(count: number): Expected<EventHeader[]> {
  return {
    what: `${count} event headers {id, timestamp}`,
    read: (json) => (Array.isArray(json) && json.length === count && json.every(isHeader) ? json : undefined),
  };
}

function isHeader(json: unknown): json is EventHeader {
  if (typeof json !== 'object' || json === null) return false;
  const { id, timestamp } = json as { id?: unknown; timestamp?: unknown };
  return Number.isSafeInteger(id) && Number.isSafeInteger(timestamp);
}
