import { signal } from '@preact/signals';

export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly kind: 'done' | 'failed';
}

/** How long a notice can be read, milliseconds. */
const SHOWN_MS = 8_000;

/** What was done a moment ago, the oldest first. */
export const notices = signal<readonly Notice[]>([]);

let count = 0;

export function notify(text: string, kind: Notice['kind'] = 'done'): void {
  const id = ++count;
  notices.value = [...notices.value, { id, text, kind }];
  setTimeout(() => dismiss(id), SHOWN_MS);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
