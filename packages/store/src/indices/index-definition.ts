import { EventsError, type IndexDefinition } from '@ganomede/events-protocol';

/**
 * An index may be defined again in the same way.
 *
 * @throws EventsError `Conflict` if it is defined in another.
 */
export function checkSameIndex(known: IndexDefinition, wanted: IndexDefinition): void {
  if (known.channel === wanted.channel && known.field === wanted.field) return;
  // Of an index of another channel nothing is told: who asks may have no right to it.
  const problem =
    known.channel === wanted.channel
      ? `expected field ${JSON.stringify(known.field)}, got ${JSON.stringify(wanted.field)}`
      : `expected another channel, got ${JSON.stringify(wanted.channel)}`;
  throw new EventsError('Conflict', `Index ${JSON.stringify(wanted.id)} exists already: ${problem}`);
}

export function unknownIndex(id: string): EventsError {
  return new EventsError('ResourceNotFound', `Index ${JSON.stringify(id)} does not exist`);
}

/** What `indices` resolves with: by id, in the order of their UTF-16 code units. */
export function sortIndices(indices: readonly IndexDefinition[]): IndexDefinition[] {
  return indices.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
