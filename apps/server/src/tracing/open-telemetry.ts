import { createRequire } from 'node:module';

/** `@opentelemetry/api` */
export type OpenTelemetry = typeof import('@opentelemetry/api');

/** Where its API keeps what is registered, whichever copy of it that was. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');

let loaded: OpenTelemetry | undefined;
let isMissing = false;

/**
 * The API of OpenTelemetry if a provider of tracers is registered, and the API can be loaded from here: it is an optional peer.
 * If none is registered nothing is loaded, and this is one look at a global variable. The client has its own, since it is
 * resolved from where it is asked for.
 */
export function openTelemetry(): OpenTelemetry | undefined {
  const registered = (globalThis as { [REGISTERED]?: { readonly trace?: unknown } })[REGISTERED];
  if (registered?.trace === undefined || isMissing) return undefined;
  if (loaded === undefined) {
    try {
      loaded = createRequire(import.meta.url)('@opentelemetry/api') as OpenTelemetry;
    } catch {
      // The process traces without us.
      isMissing = true;
    }
  }
  return loaded;
}
