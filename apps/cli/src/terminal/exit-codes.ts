/** What the command ends with; told by `ganomede-events --help` and in the README. */
export const EXIT = {
  done: 0,
  /** The server, or a store, could not do it; or only a part of it. */
  failed: 1,
  /** The command line, or the configuration, cannot be used. */
  usage: 2,
  /** The secret or the token is refused, or does not give this right. */
  refused: 3,
  /** There is no such channel, consumer, group or event. */
  notFound: 4,
  /** The server cannot be reached, or its store is away: later it may work. */
  unavailable: 5,
  /** Ctrl-C, as shells count. */
  interrupted: 130,
  /** SIGTERM, as shells count. */
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
