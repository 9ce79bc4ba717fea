/** Ends what it owns, the newest first. */
export class Owner {
  /** @type {{ [Symbol.asyncDispose]?(): PromiseLike<void>, [Symbol.dispose]?(): void }[]} */
  #owned = [];

  /** @template {AsyncDisposable | Disposable} Thing @param {Thing} thing */
  owns(thing) {
    this.#owned.push(thing);
    return thing;
  }

  async [Symbol.asyncDispose]() {
    for (const thing of this.#owned.splice(0).reverse()) {
      if (thing[Symbol.asyncDispose]) await thing[Symbol.asyncDispose]?.();
      else thing[Symbol.dispose]?.();
    }
  }
}
