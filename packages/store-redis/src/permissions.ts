import { EventsError } from '@ganomede/events-protocol';
import { scriptText } from './commands.js';
import type { Connection } from './connection.js';
import type { Keys } from './keys.js';

/** More of them make a sentence no clearer. */
const MOST_NAMED = 5;

/** Every command of the store and of its scripts, each on a key as it uses it. */
export function commandsOf(keys: Keys): string[][] {
  const { layout, channelList, indices, formerChannelSet, sweep } = keys;
  const { channel, events, types } = keys.of('any');
  const cursors = keys.cursors('any', undefined);
  const notifications = keys.notifications('any');
  const groups = keys.groups('any');
  const { group, due, workers } = keys.group({ channel: 'any', type: undefined, group: 'any' });
  return [
    ['eval', '', '1', channel],
    ['evalsha', '', '1', channel],
    ['get', layout],
    ['set', layout, ''],
    ['exists', formerChannelSet],
    ['unlink', group],
    ['pexpire', sweep, '1'],
    ['scan', '0'],
    ['sscan', types, '0'],
    ['sadd', types, ''],
    ['srem', types, ''],
    ['smembers', groups],
    ['pttl', sweep],
    ['hdel', channel, ''],
    ['hget', channel, ''],
    ['hmget', channel, ''],
    ['hexists', group, ''],
    ['hset', channel, '', ''],
    ['hincrby', channel, '', '1'],
    ['hscan', cursors, '0'],
    ['hgetall', indices],
    ['hincrby', workers, '', '1'],
    ['hlen', group],
    ['hsetnx', indices, '', ''],
    ['lindex', events, '0'],
    ['llen', events],
    ['lpop', events],
    ['lrange', events, '0', '0'],
    ['lrem', events, '1', ''],
    ['lset', events, '0', ''],
    ['ltrim', events, '0', '0'],
    ['rpush', events, ''],
    ['unlink', events],
    ['zadd', channelList, '0', ''],
    ['zcard', channelList],
    ['zrem', channelList, ''],
    ['zremrangebyscore', due, '0', '0'],
    ['zrange', channelList, '0', '0'],
    ['zrem', due, ''],
    ['zscore', due, ''],
    ['spublish', notifications, ''],
    ['ssubscribe', notifications],
    ['sunsubscribe', notifications],
    ['ping'],
    ['info', 'replication'],
    ['time'],
    ['wait', '0', '0'],
  ];
}

/** @throws EventsError `ServiceUnavailable` if an ACL of Redis forbids the store what it does. */
export async function checkPermissions(connection: Connection, keys: Keys): Promise<void> {
  const commands = commandsOf(keys);
  for (const server of connection.servers()) {
    let forbidden: string[];
    try {
      const found = await server.eval(scriptText({ name: 'find-forbidden' }), 0, JSON.stringify(commands));
      forbidden = (found as number[]).map((i) => (commands[i - 1] as string[]).slice(0, 2).join(' '));
    } catch (error) {
      const { message } = error as Error;
      if (!message.startsWith('NOPERM')) continue;
      forbidden = ['eval'];
    }
    if (forbidden.length === 0) continue;
    const more = forbidden.length > MOST_NAMED ? `, and ${forbidden.length - MOST_NAMED} more` : '';
    throw new EventsError(
      'ServiceUnavailable',
      `Cannot use Redis at ${connection.address}: expected a user that may do what the store does, got one that may not ${forbidden.slice(0, MOST_NAMED).join(', ')}${more}`,
    );
  }
}
