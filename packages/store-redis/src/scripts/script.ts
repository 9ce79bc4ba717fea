/**
 * A Lua script as a command. What it takes and replies is said at the top of its file, and in types here.
 *
 * Its arguments are one JSON text, and the texts of events, whose number is large, come as they are. Measured with
 * batches of 1,000 events: MessagePack makes Node.js work 1.6 times as long, since ioredis copies every argument of a
 * command that has a binary one; with the events packed as well Redis works 1.08 times as long.
 */
export interface Script<Args, Reply> {
  /** Its file is `<name>.lua`. */
  readonly name: string;
  /** Undefined if it takes any number of them. */
  readonly numberOfKeys?: number;
  /** Whether it replies with bytes instead of strings. */
  readonly repliesBuffers?: boolean;
  encode(args: Args): ScriptCall;
  /** `reply` as ioredis gives it: `args` are those that it was called with. */
  decode(reply: never, args: Args): Reply;
}

/** What is sent to Redis. */
export interface ScriptCall {
  /** All of them lie in one slot of a cluster. */
  readonly keys: readonly string[];
  readonly args: readonly string[];
}
