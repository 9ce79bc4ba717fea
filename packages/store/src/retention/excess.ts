/** How many of `kept` events an append drops: none up to a tenth too many, so that dropping is done in steps. `maxEvents` 0 keeps all. */
export function excess(kept: number, maxEvents: number): number {
  if (maxEvents === 0 || kept <= maxEvents + Math.floor(maxEvents / 10)) return 0;
  return kept - maxEvents;
}
