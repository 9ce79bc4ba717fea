/** Everything that this process has started and not ended yet, each with a sentence about it. */
const open = new Map<object, string>();

/** Notes that something was started which has to be ended. */
export function opened(what: object, description: string): void {
  open.set(what, description);
}

/** Notes that it has ended. */
export function closed(what: object): void {
  open.delete(what);
}

/** What was started and has not ended yet: one description each. */
export function leaks(): string[] {
  return [...open.values()];
}
