import { describe, expect, it } from 'vitest';
import { parseOriginalEvent } from '../../src/original/original-event.js';

const stored = (text: string | null, key = 'users/v1:7') => ({ id: 7, key, text });
const parse = (event: object) => parseOriginalEvent(stored(JSON.stringify(event)), 'users/v1', true);
const event = { id: 7, timestamp: 1_429_084_002_258, type: 'add', from: 'test' };

describe('an event of the original', () => {
  it('is stored in the order of fields that events have here', () => {
    expect(parse({ ...event, data: { a: [1, 'ü', null], __proto: 1e21 } })).toEqual({
      id: 7,
      timestamp: 1_429_084_002_258,
      text: '"from":"test","type":"add","data":{"a":[1,"ü",null],"__proto":1e+21}}',
      filed: 'add',
    });
    expect(parse(event)).toMatchObject({ text: '"from":"test","type":"add"}' });
    expect(parse({ ...event, more: 1 })).toMatchObject({ text: '"from":"test","type":"add","more":1}' });
  });

  it('is filed under the type in the name of its channel', () => {
    const text = JSON.stringify(event);
    const typed = stored(text, 'users/v1:created:7');
    expect(parseOriginalEvent(typed, 'users/v1:created', true)).toMatchObject({ filed: 'created' });
    expect(parseOriginalEvent(stored(text), 'users/v1', false)).toMatchObject({ filed: undefined });
  });

  it.each([
    ['nothing is stored there', null],
    ['expected an event as JSON text', '{'],
    ['expected an event as JSON text', '[]'],
    ['expected the id 7, got 8', JSON.stringify({ ...event, id: 8 })],
    ['expected the id 7, got "7"', JSON.stringify({ ...event, id: '7' })],
    ['expected a timestamp, got "now"', JSON.stringify({ ...event, timestamp: 'now' })],
    ['expected from and type, non-empty strings', JSON.stringify({ ...event, from: '' })],
  ])('%s', (reason, text) => {
    expect(parseOriginalEvent(stored(text), 'users/v1', true)).toBe(reason);
  });

  it('is none under another key, or with an id that no event has', () => {
    const text = JSON.stringify(event);
    const reasonOf = (id: number, key: string) => parseOriginalEvent({ id, key, text }, 'users/v1', true);
    expect(reasonOf(7, 'users:7')).toBe('expected the key "users/v1:7"');
    expect(reasonOf(7.5, 'users/v1:7.5')).toBe('expected an integer as its id, got 7.5');
  });
});
