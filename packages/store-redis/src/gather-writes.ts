import type { Redis } from 'ioredis';

/**
 * Has all that is sent in one turn of the event loop leave in one write. The pipelines that ioredis makes by itself do so
 * too, but one is not sent before the one ahead of it is answered: with a long way to Redis that is another round trip.
 */
export function gatherWrites(redis: Redis): void {
  // Of each new connection.
  redis.on('connect', () => {
    const { stream } = redis;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    let gathering = false;
    const send = () => {
      gathering = false;
      stream.uncork();
    };
    stream.write = (...args: unknown[]) => {
      if (!gathering) {
        gathering = true;
        stream.cork();
        setImmediate(send);
      }
      return write(...args);
    };
  });
}
