/** What a request does: `work` is to receive and settle events of a group, `observe` to see how things are. */
export const ACTIONS = ['publish', 'read', 'work', 'observe', 'manage'] as const;

export type Action = (typeof ACTIONS)[number];

/** The `type` of those `authorization_details` of a token (RFC 9396) that are about events. */
export const RIGHTS_TYPE = 'ganomede-events';

/** What a browser sends the token in that cannot send headers (`EventSource`). */
export const TOKEN_COOKIE = '__Host-events-token';

/** Longest token, in characters. */
export const MAX_TOKEN_LENGTH = 8_192;
