import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';

/** Any number of keys, then arguments: `(number of keys, …keys, …arguments)`. */
type Script<Reply> = (numberOfKeys: number, ...keysAndArguments: (string | number)[]) => Promise<Reply>;

/** The scripts as commands. What each takes and replies is at the top of its file in `lua/`. */
interface Commands {
  eventsAppend: Script<[firstId: number, timestamp: number]>;
  eventsIdsOfType: Script<(string | null)[]>;
  eventsPickBuffer: Script<Buffer[]>;
  eventsTrimChannel: Script<[dropped: number, firstId: number]>;
  eventsTrimType: Script<number>;
}

const FILES = {
  eventsAppend: 'append.lua',
  eventsIdsOfType: 'ids-of-type.lua',
  eventsPick: 'pick-events.lua',
  eventsTrimChannel: 'trim-channel.lua',
  eventsTrimType: 'trim-type.lua',
};

/** A connection to one Redis, or the connections to a cluster, that knows the scripts. */
export type Client = (Redis | Cluster) & Commands;

let scripts: readonly (readonly [name: string, lua: string])[] | undefined;

/** The folder is in the same place for `src/` and for `dist/`. */
function readScripts() {
  const folder = new URL('../src/lua/', import.meta.url);
  return Object.entries(FILES).map(
    ([name, file]) => [name, readFileSync(new URL(file, folder), 'utf8')] as const,
  );
}

export function withCommands(client: Redis | Cluster): Client {
  scripts ??= readScripts();
  for (const [name, lua] of scripts) client.defineCommand(name, { lua });
  return client as Client;
}

export function isCluster(client: Redis | Cluster): client is Cluster {
  return client.isCluster;
}
