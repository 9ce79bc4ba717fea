import type { LiveChannels } from '@ganomede/events-store';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';

/** Channels that are looked at together. */
const GROUP = 1_000;

/**
 * Covers a notification that never came: compares the last ids of the channels that somebody waits on with what
 * is known of them, all in one pipeline. Those who wait on a channel that is elsewhere read it again.
 */
export async function safetyRead(live: LiveChannels, connection: Connection, keys: Keys): Promise<void> {
  const waited = [...live.waited()];
  for (let i = 0; i < waited.length; i += GROUP) {
    await Promise.all(
      waited.slice(i, i + GROUP).map(async ([channel, known]) => {
        const key = keys.of(channel).channel;
        const last = await connection.run(key, `read ${key}`, (client) => client.hget(key, 'last'));
        if (Number(last ?? 0) !== known) live.reset(channel);
      }),
    ).catch(() => {
      // Redis is away; the next time.
    });
  }
}
