import { expect, it } from 'vitest';
import { formFields } from '../src/plugins/form-fields.js';

// What the original stores of each, as a live one has shown.
it.each([
  ['from=f&data[a]=1', { from: 'f', data: { a: '1' } }],
  ['data[a][b]=1&data[a][c]=2', { data: { a: { b: '1', c: '2' } } }],
  ['data[]=1&data[]=2', { data: ['1', '2'] }],
  ['data[1]=y&data[0]=x', { data: ['x', 'y'] }],
  ['data[a]=1&data[a]=2', { data: { a: ['1', '2'] } }],
  ['data[a][]=1', { data: { a: ['1'] } }],
  ['data[a][b][c][d][e][f][g]=1', { data: { a: { b: { c: { d: { e: { '[f][g]': '1' } } } } } } }],
  ['data[25]=x', { data: { 25: 'x' } }],
  ['data=1&data[a]=2', { data: ['1', { a: '2' }] }],
  ['data[a]x=1', { data: { a: '1' } }],
  ['data[a]', { data: { a: '' } }],
  ['data[]', { data: [''] }],
  ['data[][a]=1&data[][a]=2', { data: [{ a: ['1', '2'] }] }],
  ['data[0]=x&data[a]=y', { data: { 0: 'x', a: 'y' } }],
  ['data[a]=1&data[a][b]=2', { data: { a: ['1', { b: '2' }] } }],
  ['data%5Ba%5D=%C3%A9+x', { data: { a: 'é x' } }],
  ['data.a=1', { 'data.a': '1' }],
])('%s', (text, expected) => {
  expect(formFields(text)).toEqual(expected);
});

it('has nothing of what every object has', () => {
  const form = formFields('data[__proto__][x]=1&__proto__[y]=2&data[constructor][z]=3&data[a]=1&toString=x');
  expect(form).toEqual({ data: { a: '1' } });
  expect(Object.hasOwn(form, 'toString')).toBe(false);
  expect(({} as { x?: unknown; y?: unknown }).x ?? ({} as { y?: unknown }).y).toBeUndefined();
});

it('takes a thousand fields and more', () => {
  const text = Array.from({ length: 5_000 }, (_, n) => `data[n${n}]=${n}`).join('&');
  expect(Object.keys(formFields(text).data as object)).toHaveLength(5_000);
});
