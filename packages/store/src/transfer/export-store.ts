import { createHash } from 'node:crypto';
import type { Storage } from '../storage.js';
import { type BackupTotal, headerLine, linesOf, trailerLine } from './backup-format.js';
import { ContentDigest } from './content-digest.js';
import { countEvents, readStore, type StoreRecord } from './read-store.js';

/** A backup comes in pieces of about so many bytes. */
const PIECE_BYTES = 64 * 1024;

export interface TransferOptions {
  /** Ends it: it rejects with the reason. What it has done until then stays done. */
  readonly signal?: AbortSignal | undefined;
  /** Told now and then how far it is. Must not throw. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
}

/** How far a copy is. */
export interface TransferProgress {
  /** The channel that it is in. */
  readonly channel: string;
  /** Channels that it is through with. */
  readonly channels: number;
  /** Events that it is through with. */
  readonly events: number;
  /** How many events there are, about. */
  readonly totalEvents: number;
}

/**
 * All that a store holds as the text of a backup (see backup-format.ts), in pieces, in memory that does not grow with it. Of a
 * channel cursors and groups are none further than its events; what is appended meanwhile may be left out, what is dropped
 * meanwhile too. Events that are leased are as if they had been given back; idempotency keys are not in it.
 *
 * @throws EventsError `ServiceUnavailable` if the store cannot be read, or comes back older meanwhile
 */
export async function* exportStore(
  storage: Storage,
  { signal, onProgress }: TransferOptions = {},
): AsyncGenerator<Buffer> {
  const totalEvents = onProgress ? await countEvents(storage) : 0;
  const digest = new ContentDigest();
  const sum = createHash('sha256');
  const counts = new Counts();
  let lines: Buffer[] = [headerLine(new Date())];
  let bytes = 0;
  const piece = () => {
    const joined = Buffer.concat(lines);
    lines = [];
    bytes = 0;
    sum.update(joined);
    return joined;
  };
  for await (const record of readStore(storage, signal)) {
    for (const line of linesOf(record, digest.add(record))) {
      lines.push(line);
      bytes += line.length;
      if (bytes >= PIECE_BYTES) yield piece();
    }
    counts.add(record);
    if (record.kind === 'events' || record.kind === 'end') onProgress?.({ ...counts.progress, totalEvents });
  }
  yield piece();
  yield trailerLine({ total: counts.total, content: digest.total, sha256: sum.digest('hex') });
}

/** The digest of what a store holds, see `ContentDigest`. `onChannel` is told that of each channel. */
export async function digestStore(
  storage: Storage,
  {
    signal,
    onProgress,
    onChannel,
  }: TransferOptions & { readonly onChannel?: ((channel: string, digest: string) => void) | undefined } = {},
): Promise<string> {
  const totalEvents = onProgress ? await countEvents(storage) : 0;
  const digest = new ContentDigest();
  const counts = new Counts();
  for await (const record of readStore(storage, signal)) {
    const ofChannel = digest.add(record);
    counts.add(record);
    if (ofChannel) onChannel?.(counts.progress.channel, ofChannel);
    if (record.kind === 'events' || record.kind === 'end') onProgress?.({ ...counts.progress, totalEvents });
  }
  return digest.total;
}

/** Counts what goes by. */
class Counts {
  readonly #total = { channels: 0, events: 0, cursors: 0, groups: 0, indices: 0 };
  #channel = '';

  add(record: StoreRecord): void {
    const total = this.#total;
    if (record.kind === 'channel') this.#channel = record.channel;
    else if (record.kind === 'end') total.channels++;
    else if (record.kind === 'events') total.events += record.events.length;
    else if (record.kind === 'cursors') total.cursors += record.cursors.length;
    else if (record.kind === 'group') total.groups++;
    else if (record.kind === 'index') total.indices++;
  }

  get total(): BackupTotal {
    return { ...this.#total };
  }

  get progress(): Omit<TransferProgress, 'totalEvents'> {
    const { channels, events } = this.#total;
    return { channel: this.#channel, channels, events };
  }
}
