import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ChainableCommander, Cluster, Redis } from 'ioredis';

/** Keys, then arguments. Where a script takes any number of keys, that number comes first. Lists are flattened. */
type Script<Reply> = (...keysAndArguments: ScriptArguments) => Promise<Reply>;
type ScriptArguments = (string | number | readonly (string | number)[])[];

/** The scripts as commands. What each takes and replies is at the top of its file in `lua/`. */
interface Commands {
  eventsAdvanceIndex: Script<number>;
  eventsAppend: Script<(number | string)[]>;
  eventsIdsOfType: Script<(string | null)[]>;
  eventsLastIds: Script<(string | null)[]>;
  eventsNewestIds: Script<(string | null)[]>;
  eventsPickBuffer: Script<Buffer[]>;
  eventsTrimChannel: Script<[dropped: number, firstId: number, filesBehind: 0 | 1]>;
  eventsTrimIndex: Script<number>;
  eventsTrimType: Script<number>;
}

const SCRIPTS = [
  { name: 'eventsAdvanceIndex', file: 'advance-index.lua' },
  { name: 'eventsAppend', file: 'append.lua' },
  { name: 'eventsIdsOfType', file: 'ids-of-type.lua', numberOfKeys: 2 },
  { name: 'eventsLastIds', file: 'last-ids.lua' },
  { name: 'eventsNewestIds', file: 'newest-ids.lua', numberOfKeys: 2 },
  { name: 'eventsPick', file: 'pick-events.lua', numberOfKeys: 2 },
  { name: 'eventsTrimChannel', file: 'trim-channel.lua', numberOfKeys: 2 },
  { name: 'eventsTrimIndex', file: 'trim-index.lua' },
  { name: 'eventsTrimType', file: 'trim-type.lua', numberOfKeys: 3 },
];

/** Appends are gathered by themselves; a pipeline would wait another turn. */
export const NOT_FOR_PIPELINES = ['eventsAppend'];

/** Auto-pipelining takes the first argument of a script for its key, so it would send these to any server of a cluster. */
export const NOT_FOR_CLUSTER_PIPELINES = SCRIPTS.filter(({ numberOfKeys }) => numberOfKeys === undefined).map(
  ({ name }) => name,
);

/** A connection to one Redis, or the connections to a cluster, that knows the scripts. */
export type Client = (Redis | Cluster) & Commands;

const texts = new Map<string, string>();

/** The folder is in the same place for `src/` and for `dist/`. */
function read(file: string): string {
  const text = texts.get(file) ?? readFileSync(new URL(`../src/lua/${file}`, import.meta.url), 'utf8');
  texts.set(file, text);
  return text;
}

/** The append script, for those who send it by themselves. */
export const APPEND_SCRIPT = {
  get text(): string {
    return read('append.lua');
  },
  get sha(): string {
    sha ??= createHash('sha1').update(this.text).digest('hex');
    return sha;
  },
};
let sha: string | undefined;

/** A pipeline that runs scripts by their text or by their hash: that first, then the number of keys, keys, arguments. */
export interface ScriptPipeline extends Pick<ChainableCommander, 'wait' | 'exec'> {
  eval(...args: ScriptArguments): unknown;
  evalsha(...args: ScriptArguments): unknown;
}

export function withCommands(client: Redis | Cluster): Client {
  for (const { name, file, ...options } of SCRIPTS)
    client.defineCommand(name, { lua: read(file), ...options });
  return client as Client;
}

export function isCluster(client: Redis | Cluster): client is Cluster {
  return client.isCluster;
}
