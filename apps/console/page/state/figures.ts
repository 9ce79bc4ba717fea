import { signal } from '@preact/signals';
import { type About, about, isReady, metrics } from '../api/events-api.js';
import { comebacks, isConnected } from './connection.js';

/** How it was at a time. */
export interface Figures {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** Events a second since the figures before. */
  readonly published: number;
  readonly delivered: number;
  /** Polls and streams that wait now. */
  readonly waiting: number;
}

const EVERY_MS = 2_000;
/** While the server does not answer. */
const RETRY_MS = 1_000;
/** Ten minutes. */
const MOST = 300;

/** The last minutes, the oldest first, as far as this page has seen them. */
export const figures = signal<readonly Figures[]>([]);
/** Whether the server tells its figures here: they may be on a port of their own. */
export const hasFigures = signal(true);
export const server = signal<About | undefined>(undefined);
/** Whether the store takes publishes, as far as is known. */
export const storeIsReady = signal(true);

/** Asks how the server is until the returned function is called; so it is noticed too if it goes away, or comes back. */
export function watchServer(): () => void {
  const end = new AbortController();
  let before: { at: number; published: number; delivered: number } | undefined;
  let timer: ReturnType<typeof setTimeout>;

  const look = async () => {
    const [values, ready] = await Promise.all([metrics(end.signal), isReady(end.signal)]);
    storeIsReady.value = ready ?? true;
    hasFigures.value = values !== undefined;
    if (values === undefined) return;
    const at = Date.now();
    const published = values.get('events_published_total') ?? 0;
    const delivered = values.get('events_delivered_total') ?? 0;
    if (before !== undefined) {
      const seconds = (at - before.at) / 1_000;
      // Counters begin anew with the server.
      const rate = (now: number, then: number) => (now < then ? 0 : (now - then) / seconds);
      const next = {
        at,
        published: rate(published, before.published),
        delivered: rate(delivered, before.delivered),
        waiting: values.get('events_waiting_polls') ?? 0,
      };
      figures.value = [...figures.peek(), next].slice(-MOST);
    }
    before = { at, published, delivered };
  };
  const run = async () => {
    try {
      if (!document.hidden || !isConnected.peek()) await look();
    } catch {
      // It was noticed by what sends requests.
    }
    if (!end.signal.aborted) timer = setTimeout(run, isConnected.peek() ? EVERY_MS : RETRY_MS);
  };
  // Another version may have come.
  const stop = comebacks.subscribe(() => {
    about(end.signal).then(
      (answer) => {
        server.value = answer;
      },
      () => undefined,
    );
  });
  void run();
  return () => {
    end.abort();
    clearTimeout(timer);
    stop();
    figures.value = [];
  };
}
