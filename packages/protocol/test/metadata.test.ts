import { MAX_METADATA_BYTES, metadataProblem } from '@ganomede/events-protocol';
import { expect, it } from 'vitest';

it.each(['', 'ascii', 'é', '中', '\u{1f600}', `${'ü中'.repeat(300)}\u{10ffff}`])(
  'is measured in bytes of UTF-8: %j',
  (text) => {
    const rest = MAX_METADATA_BYTES - Buffer.byteLength(text) - 2;
    expect(metadataProblem({ a: text, b: 'x'.repeat(rest) })).toBeUndefined();
    expect(metadataProblem({ a: text, b: 'x'.repeat(rest + 1) })).toMatch(/got 4097$/);
  },
);

it('is what an object has of its own', () => {
  expect(metadataProblem(Object.create({ Inherited: 1 }))).toBeUndefined();
  expect(metadataProblem(JSON.parse('{"__proto__":1}'))).toBe('expected a string as "__proto__", got number');
  expect(metadataProblem(() => 1)).toBe('expected a flat object of strings, got function');
});
