import type { EventStore } from '@ganomede/events-store';
import type { Metrics } from './metrics.js';

/** The same store, with every call but the waiting ones timed. */
export function measureStore(store: EventStore, { storeCalls }: Metrics): EventStore {
  const timed = <Args extends unknown[], T>(call: string, run: (...args: Args) => Promise<T>) => {
    const [ok, failed] = ['ok', 'error'].map((outcome) => storeCalls.of({ call, outcome }));
    return (...args: Args): Promise<T> => {
      const start = performance.now();
      const running = run.apply(store, args);
      running.then(
        () => ok?.observe((performance.now() - start) / 1000),
        () => failed?.observe((performance.now() - start) / 1000),
      );
      return running;
    };
  };
  return {
    append: timed('append', store.append),
    read: timed('read', store.read),
    latest: timed('latest', store.latest),
    poll: (cursor, options) => store.poll(cursor, options),
    loadCursor: timed('loadCursor', store.loadCursor),
    saveCursor: timed('saveCursor', store.saveCursor),
    createIndex: timed('createIndex', store.createIndex),
    indices: timed('indices', store.indices),
    readIndex: timed('readIndex', store.readIndex),
    ping: timed('ping', store.ping),
    get waiting() {
      return store.waiting;
    },
    close: () => store.close(),
  };
}
