import { EventsError, type IndexDefinition } from '@ganomede/events-protocol';

/**
 * An index may be defined again in the same way.
 *
 * @throws EventsError `Conflict` if it is defined in another.
 */
export function checkSameIndex(known: IndexDefinition, wanted: IndexDefinition): void {
  if (known.channel === wanted.channel && known.field === wanted.field) return;
  const [expected, got] = [known, wanted].map(
    ({ channel, field }) => `channel ${JSON.stringify(channel)} and field ${JSON.stringify(field)}`,
  );
  throw new EventsError(
    'Conflict',
    `Index ${JSON.stringify(wanted.id)} exists already: expected ${expected}, got ${got}`,
  );
}

export function unknownIndex(id: string): EventsError {
  return new EventsError('ResourceNotFound', `Index ${JSON.stringify(id)} does not exist`);
}

/** What `indices` resolves with: by id, in the order of their UTF-16 code units. */
export function sortIndices(indices: readonly IndexDefinition[]): IndexDefinition[] {
  return indices.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
