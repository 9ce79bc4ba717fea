import type { Socket } from 'node:net';

/** What Node.js has below a socket; that of TLS is on the one of TCP. */
interface Handle {
  readonly _parent?: Handle;
  close(done: () => void): void;
  reset?(done: () => void): void;
}

/**
 * Ends a connection so that the system forgets what it has not sent yet; after `destroy` alone it goes on sending, and what
 * was given up would arrive behind what a newer connection has brought. `resetAndDestroy` of Node.js first waits until all
 * is sent, and refuses TLS. A socket without TCP (a path) is destroyed: nothing can be on its way.
 */
export function resetConnection(socket: Socket, error: Error): void {
  const { _handle: handle } = socket as { _handle?: Handle | null };
  const tcp = handle?._parent ?? handle;
  // Node.js closes the handle to destroy the socket, then tells that it is closed.
  if (tcp?.reset) tcp.close = (done) => tcp.reset?.(done);
  socket.destroy(error);
}
