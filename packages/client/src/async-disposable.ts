// What `await using` calls is in every Node.js that this package runs on, but not in the libraries of TypeScript before 5.2
// nor in old @types/node: the declarations of this package bring it along. Where it is known already, this is the same.
declare global {
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }

  interface AsyncDisposable {
    [Symbol.asyncDispose](): PromiseLike<void>;
  }
}

export {};
