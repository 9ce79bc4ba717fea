import { spawnSync } from 'node:child_process';

export interface RedisProgram {
  /** `redis-server` or `valkey-server`, on the PATH. */
  readonly name: string;
  readonly version: string;
}

/** The server of this machine: Redis 7 or newer, or Valkey. Throws if there is none. */
export function redisProgram(): RedisProgram {
  for (const name of ['redis-server', 'valkey-server']) {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    const version = /v=(\S+)/.exec(stdout ?? '')?.[1];
    if (status === 0 && version !== undefined) return { name, version };
  }
  throw new Error('Expected redis-server 7 or newer, or valkey-server, on the PATH');
}
