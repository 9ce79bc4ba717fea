import { expect, it } from 'vitest';
import { FirstClients } from '../src/consumers/first-clients.js';
import type { ListedCursor } from '../src/consumers/saved-cursor.js';

function cursor(clientId: string, type: string | undefined, after = 0): ListedCursor {
  return { clientId, type, after, savedAt: undefined, epoch: undefined };
}

it('are sorted by their names and types, whatever the order in which they come', () => {
  const first = new FirstClients({ after: 'a', limit: 2 });
  for (const clientId of ['d', 'b', 'a', 'c']) {
    for (const type of ['y', undefined, 'x']) first.add(cursor(clientId, type));
  }
  const types = [undefined, 'x', 'y'];
  expect(first.cursors).toEqual(
    ['b', 'c'].flatMap((clientId) => types.map((type) => cursor(clientId, type))),
  );
});

it('have each cursor once, as it was added last', () => {
  const first = new FirstClients({ after: '', limit: 9 });
  first.add(cursor('a', undefined, 1));
  first.add(cursor('a', 'x', 2));
  first.add(cursor('a', undefined, 3));
  expect(first.cursors).toEqual([cursor('a', undefined, 3), cursor('a', 'x', 2)]);
});

it('are the first of all, however many are added', () => {
  const first = new FirstClients({ after: '', limit: 3 });
  const all = Array.from({ length: 2_500 }, (_, n) => String((n * 7) % 2_500).padStart(4, '0'));
  for (const clientId of all) first.add(cursor(clientId, undefined));
  expect(first.cursors.map(({ clientId }) => clientId)).toEqual(['0000', '0001', '0002']);
});
