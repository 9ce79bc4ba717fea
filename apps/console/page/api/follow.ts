import { ERRORS, type ErrorCode, isRetryable } from '@ganomede/events-protocol';
import type { StreamLine } from '@ganomede/events-protocol/schemas';
import { rights } from '../state/session.js';
import type { Event } from './events-api.js';
import { ApiError, isAborted, request } from './request.js';

export interface Follower {
  /** Events that have come, ascending by id, perhaps none; `after`: up to here the channel was seen. */
  came(events: Event[], bounds: { readonly after: number; readonly lastId: number }): void;
  /** The store came back older than what was shown. */
  rewound(): void;
  /** Whether events come as they are published. */
  isLive(live: boolean): void;
  /** The channel cannot be followed at all. */
  refused(error: Error): void;
}

/** Something comes at least so often, milliseconds, be it a part of a line; the stream says how often. */
const SILENCE_MS = 10_000;
/** So long it may go on before everything else has its turn, milliseconds: what has come already does not wait for anything. */
const TURN_MS = 8;
/** Between two attempts, milliseconds. */
const RETRY_MS = 1_000;

/** Tells what comes behind an event, over a page stream, and goes on by itself after a failure. Nothing is saved. Until `signal` ends it. */
export async function follow(
  cursor: { channel: string; after: number; epoch: string | undefined },
  follower: Follower,
  signal: AbortSignal,
): Promise<void> {
  let { after, epoch } = cursor;
  while (!signal.aborted) {
    // A connection that says nothing is dead.
    const silence = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hear = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
    };
    hear();
    try {
      const body = {
        clientId: rights.peek().clientIdFor('read', cursor.channel),
        cursors: [{ channel: cursor.channel, after, ...(epoch && { epoch }) }],
      };
      const response = await request('POST', 'streams', {
        body,
        signal: AbortSignal.any([signal, silence.signal]),
        isStream: true,
      });
      for await (const line of linesOf(response, hear)) {
        if (signal.aborted) return;
        const page = JSON.parse(line) as StreamLine;
        if ('error' in page)
          throw new ApiError(ERRORS[page.error.code as ErrorCode]?.status ?? 500, page.error);
        follower.isLive(true);
        if (!('events' in page)) continue;
        if (page.rewound !== undefined) return follower.rewound();
        after = page.events.at(-1)?.id ?? after;
        epoch = page.epoch ?? epoch;
        follower.came(page.events, { after: Math.max(after, page.after), lastId: page.lastId });
      }
    } catch (error) {
      if (error instanceof ApiError && !isRetryable(error.status, error.code)) return follower.refused(error);
      if (isAborted(error) && signal.aborted) return;
    } finally {
      clearTimeout(timer);
    }
    follower.isLive(false);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** `hear` is told of every piece that comes: on a slow network a line takes its time. */
async function* linesOf({ body }: Response, hear: () => void): AsyncGenerator<string> {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let turnEnds = performance.now() + TURN_MS;
  for (;;) {
    const piece = await reader?.read();
    if (piece === undefined || piece.done) return;
    hear();
    const lines = (rest + piece.value).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      yield line;
      if (performance.now() < turnEnds) continue;
      await new Promise((resolve) => setTimeout(resolve));
      turnEnds = performance.now() + TURN_MS;
    }
  }
}
