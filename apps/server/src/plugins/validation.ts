import { EventsError } from '@ganomede/events-protocol';
import type { TSchema } from '@sinclair/typebox';
import { TypeCompiler, type ValueError } from '@sinclair/typebox/compiler';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/**
 * Checks requests against their TypeBox schemas without changing them: no defaults, no coercion, except that a
 * query parameter whose schema is an integer is read from its plain decimal form (`1e3`, `-1` and `abc` are not).
 * The error says what was expected, by the schema's title and description, and what came.
 */
export const validation = fp(async (fastify: FastifyInstance) => {
  fastify.setValidatorCompiler<TSchema>(({ schema, httpPart }) => {
    const variants = ((schema.anyOf as TSchema[] | undefined) ?? [schema]).map((variant) => ({
      required: (variant.required as string[] | undefined) ?? [],
      compiled: TypeCompiler.Compile(variant),
    }));
    return (value: unknown) => {
      const input = httpPart === 'body' ? value : readIntegers(schema, value as Record<string, unknown>);
      // Of several forms the one whose fields are all there, else the last: its error names what is wrong.
      const { compiled } = (variants.find(({ required }) => hasAll(input, required)) ??
        variants.at(-1)) as (typeof variants)[0];
      if (compiled.Check(input)) return { value: input };
      return { error: invalid(compiled.Errors(input).First()) };
    };
  });
});

function hasAll(value: unknown, names: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && names.every((name) => Object.hasOwn(value, name));
}

const DECIMAL = /^(?:0|[1-9]\d{0,15})$/;

function readIntegers(schema: TSchema, value: Record<string, unknown>): Record<string, unknown> {
  const input = { ...value };
  for (const [key, property] of Object.entries<TSchema>(schema.properties)) {
    const text = input[key];
    if (property.type === 'integer' && typeof text === 'string' && DECIMAL.test(text))
      input[key] = Number(text);
  }
  return input;
}

function invalid(error: ValueError | undefined): EventsError {
  if (error === undefined || error.path === '') {
    return new EventsError(
      'InvalidContent',
      `Invalid body: expected a JSON object, got ${show(error?.value)}`,
    );
  }
  const { title, description } = error.schema;
  return new EventsError(
    'InvalidContent',
    `Invalid ${title ?? error.path.slice(1)}${placeOf(error.path)}: expected ${description ?? error.message}, got ${show(error.value)}`,
  );
}

/** Where in a list the value is: ` in events/3`. */
function placeOf(path: string): string {
  const parent = path.slice(1, path.lastIndexOf('/'));
  return parent === '' ? '' : ` in ${parent}`;
}

const SHOWN = 60;

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  const text = JSON.stringify(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}… (${text.length - 2} characters)`;
}
