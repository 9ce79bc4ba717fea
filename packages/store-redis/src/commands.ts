import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';
import { advanceIndex } from './scripts/advance-index.js';
import { append } from './scripts/append.js';
import { buryEvents } from './scripts/bury-events.js';
import { channelEnds } from './scripts/channel-ends.js';
import { deleteChannel } from './scripts/delete-channel.js';
import { deleteGroup } from './scripts/delete-group.js';
import { findEntries } from './scripts/find-entries.js';
import { findIds } from './scripts/find-ids.js';
import { groupStates } from './scripts/group-states.js';
import { importEvents } from './scripts/import-events.js';
import { importGroup } from './scripts/import-group.js';
import { mendChannel } from './scripts/mend-channel.js';
import { pickEvents } from './scripts/pick-events.js';
import { readGroup } from './scripts/read-group.js';
import { redactEvents } from './scripts/redact-events.js';
import { redriveEvents } from './scripts/redrive-events.js';
import { removeEntries } from './scripts/remove-entries.js';
import { saveCursors } from './scripts/save-cursors.js';
import { saveGroup } from './scripts/save-group.js';
import type { Script, ScriptCall } from './scripts/script.js';
import { trimChannel } from './scripts/trim-channel.js';
import { trimIndex } from './scripts/trim-index.js';
import { trimType } from './scripts/trim-type.js';
import { unseen } from './scripts/unseen.js';
import { workGroup } from './scripts/work-group.js';

/** The scripts that every connection knows as commands. */
const SCRIPTS = [
  advanceIndex,
  append,
  buryEvents,
  channelEnds,
  deleteGroup,
  findIds,
  groupStates,
  mendChannel,
  pickEvents,
  redriveEvents,
  deleteChannel,
  findEntries,
  importEvents,
  importGroup,
  mendChannel,
  pickEvents,
  readGroup,
  redactEvents,
  removeEntries,
  saveCursors,
  saveGroup,
  trimChannel,
  trimIndex,
  trimType,
  workGroup,
  unseen,
];

/** A connection to one Redis, or the connections to a cluster, that knows the scripts. */
export type Client = Redis | Cluster;

/** Tells a client the scripts. */
export function defineScripts(client: Client): void {
  for (const script of SCRIPTS) {
    const { numberOfKeys } = script;
    client.defineCommand(commandOf(script), {
      lua: scriptText(script),
      ...(numberOfKeys !== undefined && { numberOfKeys }),
    });
  }
}

/** Resolves with the reply as ioredis gives it. */
export function callScript(
  client: Client,
  script: Named & Pick<Script<never, unknown>, 'repliesBuffers' | 'numberOfKeys'>,
  { keys, args }: ScriptCall,
): Promise<unknown> {
  const command = commandOf(script);
  const commands = client as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const run = commands[script.repliesBuffers ? `${command}Buffer` : command] as (typeof commands)[string];
  // Lists are flattened.
  return script.numberOfKeys === undefined
    ? run.call(client, keys.length, keys, args)
    : run.call(client, keys, args);
}

/** The text of a script, for those who send it by themselves. A line `-- include <name>` stands for another file. */
export function scriptText({ name }: Named): string {
  const text =
    texts.get(name) ?? read(name).replace(/^-- include (\S+)\n/gm, (_, part: string) => read(part));
  texts.set(name, text);
  return text;
}

function read(name: string): string {
  // The folder is in the same place for `src/` and for `dist/`.
  return readFileSync(new URL(`../src/scripts/${name}.lua`, import.meta.url), 'utf8');
}
const texts = new Map<string, string>();

/** What Redis knows the text of a script by. */
export function scriptHash(script: Named): string {
  const hash = hashes.get(script.name) ?? createHash('sha1').update(scriptText(script)).digest('hex');
  hashes.set(script.name, hash);
  return hash;
}
const hashes = new Map<string, string>();

export function isCluster(client: Client): client is Cluster {
  return client.isCluster;
}

type Named = Pick<Script<never, unknown>, 'name'>;

/** Not by its name alone: Redis has an `append` too. */
function commandOf({ name }: Named): string {
  return `events:${name}`;
}
