import type { StoreOptions } from '@ganomede/events-store';
import type { Cluster, Redis } from 'ioredis';

/** Where Redis is: exactly one of these. */
export type RedisAddress =
  | {
      /**
       * `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. Or, where Sentinels know which Redis it is,
       * `redis+sentinel://[user:password@]host:port,host:port/<name of the master>[/database]`.
       */
      readonly url: string;
    }
  | {
      /** Some nodes of a Redis Cluster, as `host:port` or as a URL; what the first URL says of user, password and TLS holds for all. */
      readonly cluster: readonly string[];
    }
  | {
      /**
       * An ioredis 6 client or cluster that the caller has. The store works on duplicates with safe options; the
       * caller's own is not used, changed or closed.
       */
      readonly client: Redis | Cluster;
    };

export interface RedisStoreSettings extends StoreOptions {
  /** What every key begins with. Default `events:`. */
  readonly keyPrefix?: string;
  /** Replicas that have to have an append before it resolves. Default 0. */
  readonly minReplicas?: number;
  /** How long an append waits for its replicas, milliseconds. Default 1 000. */
  readonly replicaTimeoutMs?: number;
  /** How long opening waits for Redis, milliseconds. Default 5 000. */
  readonly connectTimeoutMs?: number;
  /** How long a command waits for its answer, milliseconds. Default 3 000. */
  readonly commandTimeoutMs?: number;
  /** How often the newest ids of channels that somebody waits on are looked at, milliseconds, in case a notification was lost. Default 5 000. */
  readonly checkNotificationsMs?: number;
  /** Told what somebody who runs the store should know: Redis persists nothing, may evict, is away, is back. */
  readonly onWarning?: (message: string) => void;
}

export type RedisStoreOptions = RedisAddress & RedisStoreSettings;
