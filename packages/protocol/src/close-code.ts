/** What an SDK does after the close: 4000–4099 it gives up, 4100–4199 it waits, 4200–4299 it returns at once. */
export type Reconnect = 'never' | 'after-backoff' | 'immediately';

export interface CloseReason {
  readonly code: number;
  readonly reconnect: Reconnect;
  readonly message: string;
}

/** The codes we send. Hosted Pusher's wire text where one is known, else that of its documentation. */
export const closeReasons = {
  appRemoved: { code: 4001, reconnect: 'never', message: 'Application does not exist' },
  appDisabled: { code: 4003, reconnect: 'never', message: 'Application disabled' },
  overConnectionQuota: { code: 4004, reconnect: 'never', message: 'Account over quota' },
  pathNotFound: { code: 4005, reconnect: 'never', message: 'Path not found' },
  invalidVersion: { code: 4006, reconnect: 'never', message: 'Invalid version string format' },
  unsupportedProtocol: { code: 4007, reconnect: 'never', message: 'Unsupported protocol version' },
  terminated: {
    code: 4009,
    reconnect: 'never',
    message: 'The app has terminated the connections of this user',
  },
  originNotAllowed: { code: 4009, reconnect: 'never', message: 'Origin not allowed' },
  notAuthorized: {
    code: 4009,
    reconnect: 'never',
    message: 'Connection not authorized within timeout',
  },
  overCapacity: { code: 4100, reconnect: 'after-backoff', message: 'Over capacity' },
  addressOverLimit: {
    code: 4100,
    reconnect: 'after-backoff',
    message: 'Too many connections from this address',
  },
  slowConsumer: {
    code: 4100,
    reconnect: 'after-backoff',
    message: 'The client reads too slowly, please reconnect later',
  },
  draining: {
    code: 4200,
    reconnect: 'immediately',
    message: 'Server is going away, please reconnect',
  },
  subscribeTimeout: {
    code: 4200,
    reconnect: 'immediately',
    message: 'Subscription could not be completed in time, please reconnect',
  },
  pongNotReceived: { code: 4201, reconnect: 'immediately', message: 'Pong reply not received' },
} as const satisfies Record<string, CloseReason>;

/** What a close reason has room for beside the words around the key. */
const SHOWN_KEY_BYTES = 55;

/**
 * The reason names the key the client used, as hosted Pusher does. It goes into a close frame and
 * a log line whole, so it is kept short, and what cannot be part of a key is shown as `?`.
 */
export function unknownAppKey(key: string): CloseReason {
  const ascii = key.replaceAll(/[^!-~]/gu, '?');
  const shown =
    ascii.length <= SHOWN_KEY_BYTES ? ascii : `${ascii.slice(0, SHOWN_KEY_BYTES - 3)}...`;
  return {
    code: 4001,
    reconnect: 'never',
    message: `App key ${shown} not in this cluster. Did you forget to specify the cluster?`,
  };
}
