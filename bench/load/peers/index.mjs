// Who sends and receives, each through its own client: what a load process asks of them.

/**
 * @typedef {{ from: string, type: string, data: { text: string, sentAt?: number } }} OutgoingEvent
 *
 * @typedef {object} Peer
 * @property {(channel: string, event: OutgoingEvent) => Promise<unknown>} send  resolves once it is acknowledged
 * @property {() => Promise<void>} close
 *
 * @typedef {(port: number) => Promise<Peer>} Connect
 */

/** @typedef {'ours' | 'jetstream' | 'bullmq' | 'redis-streams'} PeerName */

/** Loads only the client that is asked for. @param {PeerName} name @param {number} port @returns {Promise<Peer>} */
export async function connectTo(name, port) {
  const { connect } = await import(`./${name}.mjs`);
  return connect(port);
}
