import { once, setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { EventBatch, EventStore, PollSignal } from '@ganomede/events-store';

/** A comment is sent this often, so that neither end nor a proxy takes the connection for dead, milliseconds. */
const HEARTBEAT_MS = 15_000;
/** How soon the client is asked to come back after the stream has ended, milliseconds. */
const RETRY_MS = 1_000;
/** A reader that has not taken what was sent after this time is cut off, milliseconds; it resumes where it was. */
const SLOW_READER_MS = 15_000;
/** Most events read at a time, over all channels: bounds what is held for a slow reader. */
const READ_LIMIT = 100;

/** The places of a stream in its channels, in the order in which it was asked for them: the last event's id of each. */
export type StreamPlaces = Map<string, number>;

export interface EventStreamOptions {
  /** How long to wait at the store at a time, milliseconds. */
  readonly pollTimeoutMs: number;
  readonly signal: PollSignal;
  /** Told how many events were sent. */
  readonly onSent: (count: number) => void;
}

/**
 * Sends the events of one or several channels as server-sent events until `signal` aborts. Rejects where a reader
 * is too slow or the store fails; the client then resumes from the last id it has seen.
 *
 * The id of a message is the event's id, or, with several channels, the places in all of them in the order of the
 * request (`12,7`), so that the server need not remember anything; the message's name is then the channel.
 */
export async function sendEventStream(
  response: ServerResponse,
  store: EventStore,
  places: StreamPlaces,
  { pollTimeoutMs, signal, onSent }: EventStreamOptions,
): Promise<void> {
  const ended = new AbortController();
  setMaxListeners(0, ended.signal);
  const end = () => ended.abort();
  const listener = { handleEvent: end };
  signal.addEventListener('abort', listener, { once: true });
  if (signal.aborted) end();
  const heartbeat = setInterval(() => response.write(':\n\n'), HEARTBEAT_MS);
  const limit = Math.ceil(READ_LIMIT / places.size);
  /** While the reader has not taken what was sent: nothing more is read for it, in any channel. */
  let taken: Promise<void> | undefined;
  let failure: unknown;

  const send = (text: string) => {
    if (response.write(text)) return;
    taken ??= drained(response, ended.signal)
      .catch((error: unknown) => {
        failure = error;
        end();
      })
      .finally(() => {
        taken = undefined;
      });
  };
  const follow = async (channel: string) => {
    for (;;) {
      await taken;
      if (ended.signal.aborted) return;
      const after = places.get(channel) ?? 0;
      const batch = await store.poll(
        { channel, after, limit },
        { timeoutMs: pollTimeoutMs, signal: ended.signal },
      );
      await taken;
      if (batch.count > 0) {
        send(messages(batch, channel, places));
        onSent(batch.count);
      } else if (batch.lastId < after) {
        // The store has lost events; what it gets next is new.
        places.set(channel, batch.lastId);
      }
    }
  };
  try {
    send(`retry: ${RETRY_MS}\n\n`);
    await Promise.all([...places.keys()].map(follow));
    if (failure !== undefined) throw failure;
  } finally {
    end();
    clearInterval(heartbeat);
    signal.removeEventListener('abort', listener);
  }
}

/** Resolves once the reader has taken what was sent, or the stream has ended; rejects where that takes too long. */
async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  try {
    await once(response, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(SLOW_READER_MS)]) });
  } catch (cause) {
    if (!signal.aborted) throw new Error('The reader of an event stream is too slow', { cause });
  }
}

/** The batch as messages; moves the places on. */
function messages(batch: EventBatch, channel: string, places: StreamPlaces): string {
  const name = places.size > 1 ? `event: ${channel}\n` : '';
  let text = '';
  for (const event of batch.texts) {
    const json = event.toString();
    places.set(channel, idOf(json));
    text += `id: ${[...places.values()].join(',')}\n${name}data: ${json}\n\n`;
  }
  return text;
}

/** The id at the start of an event's JSON text. */
function idOf(json: string): number {
  return Number.parseInt(json.slice('{"id":'.length), 10);
}

/** The places that a `Last-Event-ID` stands for; undefined where it is of no stream of these channels. */
export function parsePlaces(lastEventId: string, channels: readonly string[]): StreamPlaces | undefined {
  const ids = lastEventId.split(',');
  if (ids.length !== channels.length || !ids.every((id) => /^\d{1,15}$/.test(id))) return undefined;
  return new Map(channels.map((channel, i) => [channel, Number(ids[i])]));
}
