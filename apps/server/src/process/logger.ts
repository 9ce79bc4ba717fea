import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';

/** Shorter secrets stand in ordinary words; replacing them would spoil the log. */
const SHORTEST_SCRUBBED = 6;

/** JSON lines; coloured text if a person looks at it. */
export function logDestination(output: NodeJS.WriteStream & { fd: number }): DestinationStream {
  return output.isTTY
    ? pretty({
        destination: output.fd,
        sync: true,
        singleLine: true,
        ignore: 'pid,hostname',
        translateTime: 'HH:MM:ss.l',
      })
    : pino.destination({ dest: output.fd, sync: true });
}

/**
 * The server's log. Requests are logged by path, without query, headers and body, so that no secret gets into
 * it; a secret that comes in any other way (as a clientId, in a path) is replaced in the finished line.
 */
export function createLogger(
  level: string,
  destination: DestinationStream,
  secrets: readonly string[],
): Logger {
  const forms = secrets
    .filter((secret) => secret.length >= SHORTEST_SCRUBBED)
    .flatMap((secret) => [
      ...new Set([secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]),
    ]);
  return pino(
    {
      level,
      hooks: {
        streamWrite: (line) => forms.reduce((text, form) => text.replaceAll(form, '[secret]'), line),
      },
    },
    destination,
  );
}
