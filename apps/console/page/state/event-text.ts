/** How much of an event is shown in its line. */
const PREVIEW_LENGTH = 240;

interface Text {
  readonly beginning: string;
  readonly length: number;
}

/** Of data that was looked at: it may be large, and is looked at with every frame. */
const texts = new WeakMap<object, Text>();

/** The beginning of what an event holds, on one line. */
export const preview = (data: unknown) => textOf(data).beginning;

/** How long what an event holds is as JSON, characters. */
export const textLengthOf = (data: unknown) => textOf(data).length;

function textOf(data: unknown): Text {
  if (typeof data !== 'object' || data === null)
    return textFrom(data === undefined ? '' : JSON.stringify(data));
  const known = texts.get(data);
  if (known !== undefined) return known;
  const text = textFrom(JSON.stringify(data));
  texts.set(data, text);
  return text;
}

function textFrom(json: string): Text {
  const { length } = json;
  return { beginning: length > PREVIEW_LENGTH ? `${json.slice(0, PREVIEW_LENGTH)}…` : json, length };
}
