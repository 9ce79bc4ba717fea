/** `--verify`: reads everything in the folder of the embedded store. Resolves with what there is to say of it. */
export async function verify(dataDir: string): Promise<{ text: string; healthy: boolean }> {
  // Loaded only if it is used: it is native code.
  const { verifyLmdbStore } = await import('@ganomede/events-store-lmdb');
  const { channels, events, damage } = await verifyLmdbStore(dataDir);
  const healthy = damage.length === 0;
  const summary = `${dataDir}: ${channels} channels, ${events} events are as they were stored`;
  return { text: `${[...damage, summary].join('\n')}\n`, healthy };
}

/** `--compact`: gives back to the system what the file of the embedded store does not use. Resolves with what there is to say of it. */
export async function compact(dataDir: string): Promise<string> {
  const { compactLmdbStore } = await import('@ganomede/events-store-lmdb');
  const { before, after } = await compactLmdbStore(dataDir);
  return `${dataDir}: ${before} bytes have become ${after}\n`;
}
