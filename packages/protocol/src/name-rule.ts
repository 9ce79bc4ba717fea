/** Longest channel name, clientId, index ID and field, in UTF-16 code units (what `String.length` counts). */
export const MAX_NAME_LENGTH = 256;

/** No control character and no half of a surrogate pair, so that a name survives UTF-8, URLs and logs. */
export const NAME_PATTERN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it refuses
  /^(?:[^\u0000-\u001f\u007f-\u009f\ud800-\udfff]|[\ud800-\udbff][\udc00-\udfff])*$/;
