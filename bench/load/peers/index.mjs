// Who sends and receives, each through its own client: what a load process asks of them.

/**
 * @typedef {{ from: string, type: string, data: { text: string, sentAt?: number } }} Event
 *
 * @typedef {object} Peer
 * @property {(channel: string, event: Event) => Promise<unknown>} send  resolves once it is acknowledged
 * @property {(channel: string, events: Event[]) => Promise<unknown>} sendBatch  as its client does that best
 * @property {(channels: string[], receive: (event: Event) => void, failed: (error: unknown) => void) => Promise<void>} listen
 *   under one name that is remembered, from the first event on, each acknowledged; resolves once it listens
 * @property {(channel: string, concurrency: number, receive: (event: Event) => void, failed: (error: unknown) => void) => Promise<void>} [work]
 *   shares the work of the channel with all processes that do so, from its first event on, each acknowledged; resolves once it works
 * @property {() => Promise<void>} close
 *
 * @typedef {(port: number) => Promise<Peer>} Connect
 */

/** @typedef {'ours' | 'jetstream' | 'bullmq' | 'redis-streams' | 'bare-http'} PeerName */

/** The most events that a client is given at once when it catches up, if it can be told. */
export const PAGE = 1000;

/** Loads only the client that is asked for. @param {PeerName} name @param {number} port @returns {Promise<Peer>} */
export async function connectTo(name, port) {
  const { connect } = await import(`./${name}.mjs`);
  return connect(port);
}
