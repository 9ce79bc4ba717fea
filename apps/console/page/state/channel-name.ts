/** The channel that a name is in, without its type: `orders` of `orders:paid`. */
export function wholeOf(name: string): string {
  const colon = name.indexOf(':');
  return colon > 0 && colon < name.length - 1 ? name.slice(0, colon) : name;
}

/** The channel of the dead letters of a group, or one that has them among others; or `none`. */
export function deadLettersOf({
  channel,
  settings,
}: {
  channel: string;
  settings: { deadLetters?: string };
}): string {
  return settings.deadLetters ?? `${wholeOf(channel)}.dead-letters`;
}
