import { Type } from '@sinclair/typebox';

export const ErrorBody = Type.Object({
  code: Type.String({ description: 'what to branch on', examples: ['InvalidContent'] }),
  message: Type.String({ description: 'for people: what was expected and what came' }),
  lastId: Type.Optional(Type.Integer({ description: 'of `UnexpectedLastId`: the newest id' })),
});
