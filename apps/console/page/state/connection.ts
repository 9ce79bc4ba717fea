import { signal } from '@preact/signals';

/** Whether the server was reached by the last request that has ended. */
export const isConnected = signal(true);

/** Counts how often the server has come back: who shows something asks again. */
export const comebacks = signal(0);

export function connectionWorks(): void {
  if (isConnected.peek()) return;
  isConnected.value = true;
  comebacks.value += 1;
}

export function connectionFailed(): void {
  isConnected.value = false;
}
