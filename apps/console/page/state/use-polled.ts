import { useEffect, useRef, useState } from 'preact/hooks';
import { isAborted } from '../api/request.js';
import { comebacks } from './connection.js';

export interface Polled<T> {
  /** What was read last; undefined until something was. */
  readonly data: T | undefined;
  /** Of the last read, if it failed. */
  readonly error: unknown;
  /** Reads again at once. */
  reload(): void;
}

/**
 * Reads at once, and again `everyMs` after the last answer while the page is visible; anew if one of `inputs` changes, and when the
 * server comes back.
 */
export function usePolled<T>(
  read: (signal: AbortSignal) => Promise<T>,
  everyMs: number,
  inputs: readonly unknown[],
): Polled<T> {
  const [state, setState] = useState<{ data: T | undefined; error: unknown; of: readonly unknown[] }>({
    data: undefined,
    error: undefined,
    of: inputs,
  });
  const latestRead = useRef(read);
  latestRead.current = read;
  const again = useRef(() => {});

  useEffect(() => {
    const end = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let turn = 0;
    const run = async () => {
      clearTimeout(timer);
      const mine = ++turn;
      try {
        const data = document.hidden ? undefined : await latestRead.current(end.signal);
        if (end.signal.aborted || mine !== turn) return;
        if (data !== undefined) setState({ data, error: undefined, of: inputs });
      } catch (error) {
        if (end.signal.aborted || mine !== turn || isAborted(error)) return;
        setState((before) => ({
          data: isSame(before.of, inputs) ? before.data : undefined,
          error,
          of: inputs,
        }));
      }
      timer = setTimeout(run, everyMs);
    };
    again.current = () => void run();
    const whenShown = () => {
      if (!document.hidden) void run();
    };
    document.addEventListener('visibilitychange', whenShown);
    void run();
    return () => {
      end.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', whenShown);
    };
  }, [...inputs, everyMs, comebacks.value]);

  // What belongs to other inputs is not shown for a moment either.
  const isCurrent = isSame(state.of, inputs);
  return {
    data: isCurrent ? state.data : undefined,
    error: isCurrent ? state.error : undefined,
    reload: () => again.current(),
  };
}

const isSame = (a: readonly unknown[], b: readonly unknown[]) =>
  a.length === b.length && a.every((each, i) => each === b[i]);
