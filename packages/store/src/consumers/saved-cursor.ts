export interface SavedCursor {
  /** Id of the last event that the consumer has seen. */
  readonly after: number;
  /** When it came to be there, milliseconds since the Unix epoch; undefined if it was saved before that was kept. */
  readonly savedAt: number | undefined;
  /** What was saved as its epoch; undefined if nothing was. */
  readonly epoch: string | undefined;
}

export interface ListedCursor extends SavedCursor {
  readonly clientId: string;
  /** The type of the channel name that it is on. */
  readonly type: string | undefined;
}
