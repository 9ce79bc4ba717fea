import { Type } from '@sinclair/typebox';

export const Secret = Type.String({
  title: 'secret',
  description: 'the API secret, or a token; the header `Authorization: Bearer <secret>` is preferred',
});
