/** What a worker says of an event that it was given. Times are in milliseconds. */
export type Settlement = { readonly id: number; readonly token: string } & (
  | { readonly kind: 'acknowledge' }
  | {
      readonly kind: 'release';
      /** Undefined: as long as the group's back-off says. */
      readonly delayMs?: number | undefined;
      readonly reason?: string | undefined;
      /** The delivery does not count: the event was not looked at. */
      readonly uncounted?: boolean | undefined;
    }
  | { readonly kind: 'reject'; readonly reason: string }
  | { readonly kind: 'extend'; readonly leaseMs?: number | undefined }
);

export type SettlementKind = Settlement['kind'];

/** As they stand in a request. */
export type SettlementLists = { readonly [Kind in SettlementKind]?: readonly object[] };

/** Settlements as a request has them: a list of each kind that there is. */
export function listsOf(settlements: readonly Settlement[]): SettlementLists {
  const lists: { [Kind in SettlementKind]?: object[] } = {};
  for (const { kind, ...entry } of settlements) {
    lists[kind] ??= [];
    lists[kind].push(entry);
  }
  return lists;
}

/** What lists of a reply say of each of the settlements, in the order of these. */
export function inOrderOf<Told>(
  settlements: readonly Settlement[],
  lists: { readonly [Kind in SettlementKind]?: readonly Told[] },
): Told[] {
  const next: { [Kind in SettlementKind]?: number } = {};
  return settlements.map(({ kind }) => {
    const n = next[kind] ?? 0;
    next[kind] = n + 1;
    return lists[kind]?.[n] as Told;
  });
}
