import { type Static, Type } from '@sinclair/typebox';
import { ACTIONS, RIGHTS_TYPE } from '../rights.js';

const names = (description: string, examples: string[]) =>
  Type.Array(Type.String({ minLength: 1 }), { description, examples: [examples] });

/**
 * One of the `authorization_details` of a token (RFC 9396): what its holder may do. In every list a name that ends with `*` stands
 * for all that begin so.
 */
export const AuthorizationDetail = Type.Object({
  type: Type.Literal(RIGHTS_TYPE),
  actions: Type.Array(Type.String(), {
    description: `some of ${ACTIONS.join(', ')}; others give nothing`,
    examples: [['read']],
  }),
  channels: names('channel names; that of a whole channel stands for its types, too', [
    'orders',
    'orders:paid',
    'users/*',
  ]),
  clientIds: Type.Optional(names('as whom; without it as anybody', ['mailer'])),
  groups: Type.Optional(names('in which groups; without it in any', ['mailers'])),
});
export type AuthorizationDetail = Static<typeof AuthorizationDetail>;
