import { createRequire } from 'node:module';

/** `@opentelemetry/api` */
export type OpenTelemetry = typeof import('@opentelemetry/api');

/** Where its API keeps what is registered, whichever copy of it that was. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');

let loaded: OpenTelemetry | undefined;
let isMissing = false;

/**
 * The API of OpenTelemetry if a provider of tracers is registered, and the API can be loaded from here: it is an optional peer.
 * If none is registered nothing is loaded, and this is one look at a global variable.
 */
export function openTelemetry(): OpenTelemetry | undefined {
  const registered = (globalThis as { [REGISTERED]?: { readonly trace?: unknown } })[REGISTERED];
  if (registered?.trace === undefined || isMissing) return undefined;
  if (loaded === undefined) {
    try {
      loaded = createRequire(import.meta.url)('@opentelemetry/api') as OpenTelemetry;
    } catch {
      // The service traces without us.
      isMissing = true;
    }
  }
  return loaded;
}

/** Runs something that goes on for longer than what is traced now, outside of it. */
export function untraced<Result>(run: () => Result): Result {
  const api = openTelemetry();
  return api === undefined ? run() : api.context.with(api.ROOT_CONTEXT, run);
}
