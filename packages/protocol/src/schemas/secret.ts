import { Type } from '@sinclair/typebox';

export const Secret = Type.String({
  title: 'secret',
  description: 'the API secret; the header `Authorization: Bearer <secret>` is preferred',
});
