import type { GroupSettings } from '@ganomede/events-store';

/** The settings of a group, in the same order whatever stores them. */
export function groupSettings(settings: GroupSettings): GroupSettings {
  const { leaseMs, maxDeliveries, backoffMs, maxPending, order, deadLetters } = settings;
  return { leaseMs, maxDeliveries, backoffMs, maxPending, order, deadLetters };
}
