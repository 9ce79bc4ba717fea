import { Balancer, RestartableServer, until } from '@ganomede/events-testing';
import { Clock } from './clock.mjs';
import { Link } from './link.mjs';

/** Requests are authenticated with it. */
export const SECRET = 'a secret of the faults';

/** Servers, a way to each that can be disturbed, and a balancer before them all. `await using` ends them. */
export class Service {
  /** @type {RestartableServer[]} */
  servers = [];
  /** From the balancer to each server. @type {Link[]} */
  links = [];
  /** Of each server. @type {Clock[]} */
  clocks = [];
  #balancer = /** @type {Balancer | undefined} */ (undefined);

  /** @param {readonly Record<string, string>[]} settings  one server each */
  static async start(settings) {
    const service = new Service();
    try {
      for (const env of settings) {
        const clock = new Clock();
        service.clocks.push(clock);
        const server = await RestartableServer.start({ API_SECRET: SECRET, ...clock.env, ...env });
        service.servers.push(server);
        service.links.push(await Link.to(server.port));
      }
      service.#balancer = await Balancer.before(service.links);
      await service.ready();
      return service;
    } catch (error) {
      await service[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** For clients. */
  get url() {
    return this.#balancer?.url ?? '';
  }

  /** Resolves once every server says that it is ready. */
  async ready() {
    for (const { url } of this.servers) {
      await until(
        `${url} is ready`,
        async () => {
          const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
          await answer?.arrayBuffer().catch(() => {});
          return answer?.ok === true;
        },
        60_000,
      );
    }
  }

  async [Symbol.asyncDispose]() {
    await this.#balancer?.stop();
    for (const link of this.links) await link[Symbol.asyncDispose]();
    for (const server of this.servers) await server[Symbol.asyncDispose]();
    for (const clock of this.clocks) clock[Symbol.dispose]();
  }
}
