import type { EndedDelivery } from '@ganomede/events-store';

/** See group-book.lua. */
type Line = readonly [
  deliveredAt: number,
  endedAt: number,
  clientId: string,
  outcome: EndedDelivery['outcome'],
  reason: string,
];

/** What a history of group-book.lua tells. */
export function parseHistory(history: string): EndedDelivery[] {
  const lines = JSON.parse(`[${history.replaceAll('\n', ',')}]`) as readonly Line[];
  return lines.map(([deliveredAt, endedAt, clientId, outcome, reason]) => ({
    deliveredAt: deliveredAt || undefined,
    endedAt,
    clientId,
    outcome,
    reason: reason || undefined,
  }));
}

/** The history of group-book.lua that tells of these. */
export function historyOf(deliveries: readonly EndedDelivery[]): string {
  const lines = deliveries.map(({ deliveredAt = 0, endedAt, clientId, outcome, reason = '' }): Line => {
    return [deliveredAt, endedAt, clientId, outcome, reason];
  });
  return lines.map((line) => JSON.stringify(line)).join('\n');
}
