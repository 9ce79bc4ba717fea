/**
 * One warning for each entry of `CORS_ORIGIN` that is no origin as browsers send it, so that no page can be of it: without a scheme, with
 * a path, a slash at the end, or the port that its scheme has anyway.
 */
export function unusableOrigins(corsOrigin: string | undefined): string[] {
  if (corsOrigin === undefined || corsOrigin === '*') return [];
  const entries = corsOrigin.split(',').map((entry) => entry.trim());
  return entries
    .filter((entry) => entry !== '' && !isOrigin(entry))
    .map(
      (entry) =>
        `CORS_ORIGIN: no page is of ${JSON.stringify(entry)}; expected an origin as browsers send it, such as https://app.example or http://localhost:8080`,
    );
}

function isOrigin(text: string): boolean {
  if (!/^https?:/i.test(text)) return /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/.test(text) || text === 'null';
  return URL.canParse(text) && new URL(text).origin === text;
}
