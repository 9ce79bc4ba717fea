import type * as door from '@ganomede/events-protocol';
import type * as schemas from '@ganomede/events-protocol/schemas';
import type { Static } from '@sinclair/typebox';
import { expectTypeOf, test } from 'vitest';

/** As one object type, however it was put together. */
type Plain<T> = { [Key in keyof T]: T[Key] };

test('the plain types are those of the schemas', () => {
  expectTypeOf<Plain<door.EventInput>>().toEqualTypeOf<Static<typeof schemas.EventInput>>();
  expectTypeOf<Plain<door.EventHeader>>().toEqualTypeOf<Static<typeof schemas.EventHeader>>();
  expectTypeOf<Plain<door.Event>>().toEqualTypeOf<Static<typeof schemas.Event>>();
  expectTypeOf<Plain<door.IndexDefinition>>().toEqualTypeOf<Static<typeof schemas.IndexDefinition>>();
  expectTypeOf<door.ReadIndexReply>().branded.toEqualTypeOf<Static<typeof schemas.ReadIndexReply>>();
  expectTypeOf<Plain<door.ErrorBody>>().toEqualTypeOf<Static<typeof schemas.ErrorBody>>();
  expectTypeOf<Plain<door.About>>().toEqualTypeOf<Static<typeof schemas.About>>();
});
