/**
 * A Lua script as a command. What it takes and replies is said at the top of its file, and in types here.
 *
 * Arguments are one JSON text, which Redis decodes as fast as MessagePack; ioredis copies every argument of a command
 * that has a binary one, which costs a batch of 1,000 events half as much again in Node.js. For the same reason, and since
 * their number is large, the texts of events come as they are.
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
