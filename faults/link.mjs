import { HoldingProxy, LossyProxy, SilentProxy } from '@ganomede/events-testing';

/** A way to a port of this machine that can be cut in silence, be slow, and lose replies. `await using` ends it. */
export class Link {
  #silent;
  #holding;
  #lossy;

  /** @param {SilentProxy} silent @param {HoldingProxy} holding @param {LossyProxy} lossy */
  constructor(silent, holding, lossy) {
    this.#silent = silent;
    this.#holding = holding;
    this.#lossy = lossy;
  }

  /** @param {number} port */
  static async to(port) {
    const lossy = await LossyProxy.start(port);
    const holding = await HoldingProxy.start(lossy.port);
    return new Link(await SilentProxy.start(holding.port), holding, lossy);
  }

  get port() {
    return this.#silent.port;
  }

  /** Nothing passes, and nobody is told; connections that are open now stay dead. */
  cut() {
    this.#silent.cut();
  }

  mend() {
    this.#silent.mend();
  }

  /** Requests arrive, and replies do not until they are released. */
  hold() {
    this.#holding.hold();
  }

  release() {
    this.#holding.release();
  }

  /** The next request that holds the text is carried out, and the connection ends before its reply. @param {string} text */
  loseReplyTo(text) {
    this.#lossy.loseReplyTo(text);
  }

  async [Symbol.asyncDispose]() {
    for (const proxy of [this.#silent, this.#holding, this.#lossy]) await proxy.stop();
  }
}
