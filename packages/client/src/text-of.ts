/** What was thrown, or rejected with, in words. Never throws, whatever that is. */
export function textOf(cause: unknown): string {
  try {
    return String(cause instanceof Error ? cause.message : cause);
  } catch {
    return 'something that cannot be made a text';
  }
}
