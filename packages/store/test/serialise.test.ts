import type { EventInput } from '@ganomede/events-protocol';
import { expect, it } from 'vitest';
import { serialiseEvents } from '../src/events/serialise.js';

const serialise = (event: object) =>
  serialiseEvents('a', [{ from: 'f', type: 't', ...event } as EventInput], true);

const circle: Record<string, unknown> = {};
circle.self = circle;
/** As what is nested too deeply, before Node.js 26. */
const deep = {
  toJSON() {
    throw new RangeError('Maximum call stack size exceeded');
  },
};

it.each<[object, string]>([
  [{ from: '' }, 'Invalid from: expected a non-empty string, got an empty one'],
  [{ from: null }, 'Invalid from: expected a non-empty string, got null'],
  [{ type: undefined }, 'Invalid type: expected a non-empty string, got undefined'],
  [{ type: 5 }, 'Invalid type: expected a non-empty string, got number'],
  [{ data: null }, 'Invalid data: expected an object or an array, got null'],
  [{ data: 'text' }, 'Invalid data: expected an object or an array, got text'],
  [{ metadata: null }, 'Invalid metadata: expected a flat object of strings, got null'],
  [{ metadata: { a: {} } }, 'Invalid metadata: expected a string as "a", got object'],
  [{ data: deep }, 'Invalid data: expected something with a JSON text, got nested too deeply'],
])('refuses what is no event, and says what came (%#)', (event, message) => {
  expect(() => serialise(event)).toThrow(expect.objectContaining({ code: 'InvalidContent', message }));
});

it('says why there is no JSON text, and keeps the cause', () => {
  expect(() => serialise({ data: circle })).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/^Invalid data: expected something with a JSON text, got .*circular/i),
      cause: expect.any(TypeError),
    }),
  );
});

it('writes metadata as it is, whatever it inherits', () => {
  const metadata = Object.assign(Object.create({ toJSON: () => 'x' }), { b: '"', a: 'ü' });
  expect(serialise({ metadata, data: [] })).toMatchObject([
    { text: '"from":"f","type":"t","data":[],"metadata":{"b":"\\"","a":"ü"}}' },
  ]);
});

it('says which of several events has other metadata', () => {
  const events = [{}, { a: 'x' }, { A: 'x' }].map((metadata) => ({ from: 'f', type: 't', metadata }));
  expect(() => serialiseEvents('a', events as never, true)).toThrow(
    'Invalid metadata in events/2: expected names',
  );
});

it('writes events as they come, alike or not', () => {
  const inputs = ['t', 't', 'u', 't'].map((type, n) => ({ from: n === 3 ? 'g' : 'f', type, data: { n } }));
  expect(serialiseEvents('a', inputs, true).map(({ text }) => JSON.parse(`{${text}`))).toEqual(inputs);
});

it.each([
  [{ traceparent: 'p' }, ''],
  [{ tracestate: 's' }, ''],
  [{ traceparent: 'p', tracestate: 's', other: 'o' }, ',"metadata":{"other":"o"}'],
])('tells an event from others without the trace in %j', (metadata, others) => {
  const [one] = serialise({ metadata });
  expect(one).toEqual({
    text: `"from":"f","type":"t","metadata":${JSON.stringify(metadata)}}`,
    untraced: `"from":"f","type":"t"${others}}`,
    type: 't',
    filed: 't',
  });
});
