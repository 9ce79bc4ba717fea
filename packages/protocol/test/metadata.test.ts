import { MAX_METADATA_BYTES, metadataProblem } from '@ganomede/events-protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';

it('is measured in bytes of UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), (text) => {
      const bytes = Buffer.byteLength(text);
      const rest = MAX_METADATA_BYTES - bytes - 2;
      fc.pre(rest >= 0);
      expect(metadataProblem({ a: text, b: 'x'.repeat(rest) })).toBeUndefined();
      expect(metadataProblem({ a: text, b: 'x'.repeat(rest + 1) })).toMatch(/got 4097$/);
    }),
  );
});

it('is what an object has of its own', () => {
  expect(metadataProblem(Object.create({ Inherited: 1 }))).toBeUndefined();
  expect(metadataProblem(JSON.parse('{"__proto__":1}'))).toBe('expected a string as "__proto__", got number');
  expect(metadataProblem(() => 1)).toBe('expected a flat object of strings, got function');
});
