import type { TrimLimits } from '../storage.js';

/** How often channels are swept for what is too old, milliseconds: a tenth of the age, within a second and a minute. */
export function sweepIntervalMs({ maxAgeMs }: TrimLimits): number {
  return Math.max(1_000, Math.min((maxAgeMs || Number.POSITIVE_INFINITY) / 10, 60_000));
}

/** How many of `kept` events an append drops: none up to a tenth too many, so that dropping is done in steps. `maxEvents` 0 keeps all. */
export function excess(kept: number, maxEvents: number): number {
  if (maxEvents === 0 || kept <= maxEvents + Math.floor(maxEvents / 10)) return 0;
  return kept - maxEvents;
}
