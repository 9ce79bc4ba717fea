import { EventsError } from '@ganomede/events-protocol';
import type { TSchema } from '@sinclair/typebox';
import { TypeCompiler, type ValueError } from '@sinclair/typebox/compiler';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { show } from '../answers/show.js';

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
    const integers = httpPart === 'body' ? [] : integersOf(schema);
    return (input: unknown) => {
      readIntegers(input as Record<string, unknown>, integers);
      // Of several forms the one whose fields are all there, else the last: its error names what is wrong.
      const { compiled } = (variants.find(({ required }) => hasAll(input, required)) ??
        variants.at(-1)) as (typeof variants)[0];
      // Not `{ value }`: headers that are set are copied each time that they are looked at.
      return compiled.Check(input) || { error: invalid(compiled.Errors(input).First()) };
    };
  });
});

/** Checks values against a schema as requests are checked; what it returns gives the error, undefined if there is none. */
export function checkOf(schema: TSchema): (value: unknown) => EventsError | undefined {
  const compiled = TypeCompiler.Compile(schema);
  return (value) => (compiled.Check(value) ? undefined : invalid(compiled.Errors(value).First()));
}

function hasAll(value: unknown, names: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && names.every((name) => Object.hasOwn(value, name));
}

const DECIMAL = /^(?:0|[1-9]\d{0,15})$/;

/** The names of the properties that are integers. */
function integersOf(schema: TSchema): string[] {
  const properties = Object.entries<TSchema>(schema.properties ?? {});
  return properties.filter(([, { type }]) => type === 'integer').map(([name]) => name);
}

function readIntegers(input: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) {
    const text = input[name];
    if (typeof text === 'string' && DECIMAL.test(text)) input[name] = Number(text);
  }
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
    `Invalid ${title ?? error.path.slice(1)}${listOf(error.path)}: expected ${description ?? error.message}, got ${show(error.value)}`,
  );
}

/** Where in a list the value is: ` in events/3`. */
function listOf(path: string): string {
  const parent = path.slice(1, path.lastIndexOf('/'));
  return parent === '' ? '' : ` in ${parent}`;
}
