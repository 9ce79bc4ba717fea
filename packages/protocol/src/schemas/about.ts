import { Type } from '@sinclair/typebox';

/** Reply of `GET /about`. */
export const About = Type.Object({
  hostname: Type.String(),
  type: Type.String({ description: 'the kind of service' }),
  version: Type.String({ description: 'of the server' }),
  description: Type.String(),
  startDate: Type.String({ description: 'when the server started, ISO 8601' }),
});
