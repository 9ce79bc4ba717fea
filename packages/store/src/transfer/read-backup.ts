import { createHash } from 'node:crypto';
import { type BackupLine, type BackupTrailer, invalidBackup, parseLine } from './backup-format.js';
import { IMPORT_STEP } from './transfer-storage.js';

/** The text of a backup in pieces, from its beginning each time that it is called. */
export type BackupSource = () => AsyncIterable<Uint8Array | string>;

const LINE_FEED = 0x0a;

/**
 * The lines of a backup, in memory that does not grow with it. The last one is the trailer, which is told once it is known that
 * every byte is there and as it was written.
 *
 * @throws EventsError `InvalidContent` if it is no backup, or is not whole
 */
export async function* readBackup(source: BackupSource): AsyncGenerator<BackupLine> {
  const sum = createHash('sha256');
  let channel = '';
  let number = 0;
  let trailer: BackupTrailer | undefined;
  for await (const line of linesIn(source())) {
    number++;
    if (trailer) throw invalidBackup('something comes behind its end');
    const parsed = parseLine(line.subarray(0, -1), channel, number);
    if ((parsed.kind === 'header') !== (number === 1)) throw invalidBackup('it does not begin as one');
    if (parsed.kind === 'trailer') {
      trailer = parsed.trailer;
      continue;
    }
    sum.update(line);
    if (parsed.kind === 'channel') channel = parsed.channel;
    yield parsed;
  }
  if (trailer === undefined) throw invalidBackup('its end is missing');
  const sha256 = sum.digest('hex');
  if (sha256 !== trailer.sha256) throw invalidBackup(`expected SHA-256 ${trailer.sha256}, got ${sha256}`);
  yield { kind: 'trailer', trailer };
}

/**
 * Reads a backup from its beginning to its end, and stores nothing. Resolves with what it holds. `onEvents` is told now and then how many
 * events it has read.
 *
 * @throws EventsError `InvalidContent` (as a rejection) if it is no backup, or is not whole
 */
export async function checkBackup(
  source: BackupSource,
  signal?: AbortSignal,
  onEvents?: (count: number) => void,
): Promise<BackupTrailer> {
  let events = 0;
  for await (const line of readBackup(source)) {
    signal?.throwIfAborted();
    if (line.kind === 'trailer') return line.trailer;
    if (line.kind === 'event' && ++events % IMPORT_STEP === 0) onEvents?.(events);
  }
  throw invalidBackup('its end is missing');
}

/** With their line feeds; the last one may have none. */
async function* linesIn(pieces: AsyncIterable<Uint8Array | string>): AsyncIterable<Buffer> {
  let open: Buffer[] = [];
  for await (const piece of pieces) {
    const bytes = Buffer.from(piece as Uint8Array);
    let from = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, from)) {
      const rest = bytes.subarray(from, end + 1);
      yield open.length === 0 ? rest : Buffer.concat([...open, rest]);
      open = [];
      from = end + 1;
    }
    if (from < bytes.length) open.push(bytes.subarray(from));
  }
  if (open.length > 0) throw invalidBackup('its last line is cut off');
}
