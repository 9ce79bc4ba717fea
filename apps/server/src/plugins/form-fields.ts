/** Fields lie in one another so deep at most; what is deeper is the name of one. */
const MAX_DEPTH = 5;
/** A higher number is a name, and no place in a list. */
const MAX_INDEX = 20;

/** What is known of a field: its own values, and the fields in it. */
interface Field {
  readonly values: string[];
  readonly fields: Map<string, Field>;
}

/**
 * The fields of a form. `data[a][b]=1` is a field in a field, as `data[]=1` and `data[0]=1` are entries of a list, and one that comes
 * several times is a list: what the original makes of them.
 */
export function formFields(text: string): Record<string, unknown> {
  const root = newField();
  for (const [name, value] of new URLSearchParams(text)) {
    let field = root;
    for (const part of partsOf(name)) field = fieldIn(field, part);
    field.values.push(value);
  }
  return objectOf(root);
}

function newField(): Field {
  return { values: [], fields: new Map() };
}

function fieldIn({ fields }: Field, name: string): Field {
  const known = fields.get(name);
  if (known !== undefined) return known;
  const field = newField();
  fields.set(name, field);
  return field;
}

/** `data[a][b]` is `data`, `a`, `b`. */
function partsOf(name: string): string[] {
  const [, first, nested = ''] = /^([^[\]]+)((?:\[[^[\]]*\])*)/.exec(name) ?? [];
  if (first === undefined) return [name];
  const parts = nested.slice(1, -1).split('][');
  const inner = nested === '' ? [] : parts.slice(0, MAX_DEPTH);
  const deeper = parts.slice(MAX_DEPTH);
  return [first, ...inner, ...(deeper.length > 0 ? [`[${deeper.join('][')}]`] : [])];
}

function objectOf({ fields }: Field): Record<string, unknown> {
  // Names that every object has are nobody's data.
  const own = [...fields].filter(([name]) => !(name in Object.prototype));
  return Object.fromEntries(own.map(([name, field]) => [name, oneOf(valuesOf(field))]));
}

function oneOf(values: unknown[]): unknown {
  return values.length === 1 ? values[0] : values;
}

function valuesOf(field: Field): unknown[] {
  const { values, fields } = field;
  if (fields.size === 0) return values;
  return [...values, isList(field) ? listOf(field) : objectOf(field)];
}

function isList({ fields }: Field): boolean {
  return [...fields.keys()].every(
    (name) => name === '' || (/^\d{1,2}$/.test(name) && Number(name) <= MAX_INDEX),
  );
}

function listOf({ fields }: Field): unknown[] {
  const placed = [...fields].filter(([name]) => name !== '').sort(([a], [b]) => Number(a) - Number(b));
  const added = fields.get('');
  return [
    ...placed.map(([, field]) => oneOf(valuesOf(field))),
    ...(added === undefined ? [] : valuesOf(added)),
  ];
}
