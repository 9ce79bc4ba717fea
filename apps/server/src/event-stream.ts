import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { EventBatch, EventStore } from '@ganomede/events-store';

/** A comment is sent this often, so that neither end nor a proxy takes the connection for dead, milliseconds. */
const HEARTBEAT_MS = 15_000;
/** How soon the client is asked to come back after the stream has ended, milliseconds. */
const RETRY_MS = 1_000;
/** A reader that has not taken what was sent after this time is cut off, milliseconds; it resumes where it was. */
const SLOW_READER_MS = 15_000;
/** Most events read at a time: bounds, with the store's own bound in bytes, what is held for a slow reader. */
const READ_LIMIT = 100;

/** The places of a stream in its channels: the id of the last event sent of each. */
export type StreamPlaces = Map<string, number>;

export interface EventStreamOptions {
  /** How long to wait at the store at a time, milliseconds. */
  readonly pollTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Told how many events were sent. */
  readonly onSent: (count: number) => void;
}

/**
 * Sends the events of one or several channels as server-sent events until `signal` aborts, a reader is too slow,
 * or the store fails; the client then resumes from the last id it has seen.
 *
 * The id of a message is the event's id, or, with several channels, the places in all of them, so that the server
 * need not remember anything; the message's name is then the channel.
 */
export async function sendEventStream(
  response: ServerResponse,
  store: EventStore,
  places: StreamPlaces,
  options: EventStreamOptions,
): Promise<void> {
  const ended = new AbortController();
  const end = () => ended.abort();
  options.signal.addEventListener('abort', end, { once: true });
  if (options.signal.aborted) end();
  const heartbeat = setInterval(() => response.write(':\n\n'), HEARTBEAT_MS);
  response.write(`retry: ${RETRY_MS}\n\n`);

  const follow = async (channel: string) => {
    while (!ended.signal.aborted) {
      const after = places.get(channel) ?? 0;
      const batch = await store.poll(
        { channel, after, limit: READ_LIMIT },
        { timeoutMs: options.pollTimeoutMs, signal: ended.signal },
      );
      if (batch.count > 0 && !response.write(messages(batch, channel, places)))
        await taken(response, ended.signal);
    }
  };
  try {
    await Promise.all([...places.keys()].map(follow));
  } finally {
    end();
    clearInterval(heartbeat);
    options.signal.removeEventListener('abort', end);
  }
}

/** Resolves once the reader has taken what was sent; rejects where that takes too long. */
async function taken(response: ServerResponse, signal: AbortSignal): Promise<void> {
  try {
    await once(response, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(SLOW_READER_MS)]) });
  } catch (cause) {
    if (!signal.aborted) throw new Error('The reader of an event stream is too slow', { cause });
  }
}

/** The batch as messages; moves the places on. */
function messages(batch: EventBatch, channel: string, places: StreamPlaces): string {
  const several = places.size > 1;
  let text = '';
  for (const event of batch.texts) {
    const json = event.toString();
    const id = idOf(json);
    places.set(channel, id);
    text += several
      ? `id: ${formatPlaces(places)}\nevent: ${channel}\ndata: ${json}\n\n`
      : `id: ${id}\ndata: ${json}\n\n`;
  }
  return text;
}

/** The id at the start of an event's JSON text. */
function idOf(json: string): number {
  return Number.parseInt(json.slice('{"id":'.length), 10);
}

function formatPlaces(places: StreamPlaces): string {
  return [...places].map(([channel, after]) => `${encodeURIComponent(channel)}=${after}`).join('&');
}

/**
 * The places that a `Last-Event-ID` stands for: one id, or `channel=id` pairs as sent with several channels.
 * Undefined where it is neither. Channels that it does not name are left out.
 */
export function parsePlaces(lastEventId: string, channels: readonly string[]): StreamPlaces | undefined {
  const [channel] = channels;
  if (channels.length === 1 && channel !== undefined && /^\d{1,15}$/.test(lastEventId)) {
    return new Map([[channel, Number(lastEventId)]]);
  }
  const places: StreamPlaces = new Map();
  for (const [name, after] of new URLSearchParams(lastEventId)) {
    if (!/^\d{1,15}$/.test(after)) return undefined;
    if (channels.includes(name)) places.set(name, Number(after));
  }
  return places;
}
