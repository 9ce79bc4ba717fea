/** Where a consumer is on a channel name. */
export interface ConsumerCursor {
  /** Id of the last event that it has seen; 0 if it has seen none. */
  readonly after: number;
  /** The `epoch` of the page that the event came with, or a later one; undefined if that was never told. */
  readonly epoch: string | undefined;
  /**
   * If it was answered with events of another epoch, since the store had lost what it had seen: that epoch. Whether the answer
   * has arrived is known when its cursor moves.
   */
  readonly rewoundInto?: string | undefined;
}

/** The epoch by which a consumer that tells none is to be judged now that it is at `after`. */
export function epochAt(
  { after: saved, epoch, rewoundInto }: ConsumerCursor,
  after: number,
): string | undefined {
  return after === saved ? epoch : (rewoundInto ?? epoch);
}

/** What is saved as the epoch of a cursor: `<epoch>`, or `<epoch>><rewound into>`. */
export function epochText(epoch: string, rewoundInto: string | undefined): string {
  return rewoundInto ? `${epoch}>${rewoundInto}` : epoch;
}

export function parseEpochText(text: string | undefined): Pick<ConsumerCursor, 'epoch' | 'rewoundInto'> {
  const [epoch, rewoundInto] = text?.split('>') ?? [];
  return { epoch, rewoundInto };
}
