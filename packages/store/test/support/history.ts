/** An event that was appended: what a reader must find. */
export interface LoggedEvent {
  readonly id: number;
  readonly type: string;
  readonly json: string;
}

/** What an engine was given, by channel. */
export class History {
  readonly #logs = new Map<string, readonly LoggedEvent[]>();
  readonly #firstIds = new Map<string, number>();

  /** With `backup` it begins with a copy of that. */
  constructor(backup?: History) {
    if (backup === undefined) return;
    for (const [channel, log] of backup.#logs) this.#logs.set(channel, log);
    for (const [channel, firstId] of backup.#firstIds) this.#firstIds.set(channel, firstId);
  }

  appended(channel: string, events: readonly LoggedEvent[], firstId: number): void {
    this.#logs.set(channel, [...this.log(channel), ...events]);
    this.#firstIds.set(channel, firstId);
  }

  trimmed(channel: string, firstId: number): void {
    this.#firstIds.set(channel, firstId);
  }

  /** Every event that was ever appended to the channel. */
  log(channel: string): readonly LoggedEvent[] {
    return this.#logs.get(channel) ?? [];
  }

  /** Those of them that it keeps. */
  kept(channel: string): readonly LoggedEvent[] {
    return this.log(channel).filter(({ id }) => id >= this.firstId(channel));
  }

  /** Oldest id that it keeps; one above its newest if it keeps none. */
  firstId(channel: string): number {
    return this.#firstIds.get(channel) ?? 1;
  }
}
