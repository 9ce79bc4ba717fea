/** A replica that was not heard of for longer is not counted, seconds; as `min-replicas-max-lag` of Redis has it. */
const MAX_LAG_S = 10;

/** How many replicas a master has that could confirm an append now, by its `INFO replication`; undefined if it does not tell. */
export function countReplicas(info: string): number | undefined {
  if (!/^connected_slaves:/m.test(info)) return undefined;
  const lags = [...info.matchAll(/^slave\d+:.*\bstate=online,.*\blag=(\d+)/gm)].map(([, lag]) => Number(lag));
  return lags.filter((lag) => lag <= MAX_LAG_S).length;
}
