/**
 * What a client is told in a `pusher:error` frame. The texts are hosted Pusher's where one was
 * ever seen on the wire; SDKs and their users search for them.
 */
export interface ClientError {
  /** Null unless SDKs act on the number. Never 4000–4299 here: those belong to closes. */
  readonly code: number | null;
  readonly message: string;
}

const error = (message: string, code: number | null = null): ClientError => ({ code, message });

export const clientErrors = {
  invalidJson: () => error('Received invalid JSON'),
  binaryFrame: () => error('Binary frames are not supported'),
  missingParameter: (name: string) => error(`Missing parameter: ${name}`),
  invalidParameter: (name: string, expected: string) =>
    error(`Invalid parameter: ${name} must be ${expected}`),
  unsupportedEvent: (event: string) => error(`Unsupported event received on socket: ${event}`),
  invalidChannelName: (channel: string, rule: string) =>
    error(`Invalid channel name '${channel}': ${rule}`),
  existingSubscription: (channel: string) => error(`Existing subscription to channel ${channel}`),
  noSubscription: (channel: string) =>
    error(`No current subscription to channel ${channel}, or subscription in progress`),
  tooManyChannels: (max: number) => error(`Over the limit of ${max} channels on one connection`),
  authRequired: (channel: string) => error(`Auth info required to subscribe to ${channel}`),
  invalidAuthKey: (key: string) => error(`Invalid key in subscription auth data: '${key}'`),
  invalidSignature: (stringToSign: string, signature: string) =>
    error(
      `Invalid signature: Expected HMAC SHA256 hex digest of ${stringToSign}, but got ${signature}`,
    ),
  invalidUserId: (chars: number) =>
    error(
      `Invalid user_id in channel_data: expected text of 1 to ${chars} characters or a whole number below 2^53`,
    ),
  invalidUserInfo: () =>
    error(
      'user_info supplied to presence subscription is invalid - if supplied it must be a type of hash',
    ),
  userInfoTooLarge: (bytes: number) =>
    error(`user_info supplied to presence subscription is larger than ${bytes} bytes`),
  presenceChannelFull: (channel: string, max: number) =>
    error(`Channel ${channel} is full: it may have ${max} members`),
  invalidSigninKey: (key: string) => error(`Invalid key in signin auth data: '${key}'`),
  invalidSigninUser: (chars: number) =>
    error(
      `Invalid id in user_data: expected text of 1 to ${chars} characters out of A-Z a-z 0-9 _ - = @ , . ;`,
    ),
  invalidSigninInfo: () =>
    error('Invalid user_info in user_data: expected an object, if it is supplied'),
  invalidWatchlist: (chars: number) =>
    error(
      `Invalid watchlist in user_data: expected an array of user ids, each text of 1 to ${chars} characters out of A-Z a-z 0-9 _ - = @ , . ;`,
    ),
  signedInAlready: () => error('This connection is signed in as another user already'),
  /** The text of Pusher's documentation. */
  watchlistTooLong: (max: number) =>
    error(`Watchlist limit exceeded. Only the first ${max} user IDs are accepted.`, 4302),
  otherUsersChannel: (channel: string) =>
    error(`Only a connection that is signed in as the user may subscribe to ${channel}`),
  presenceUserTooLong: (chars: number) =>
    error(`The id of the signed-in user is longer than a member's may be: ${chars} characters`),
  clientEventsDisabled: () =>
    error(
      'To send client events, you must enable this feature in the Settings page of your dashboard.',
    ),
  clientEventChannel: () =>
    error('Client event rejected - only supported on private and presence channels'),
  clientEventNotSubscribed: (channel: string) =>
    error(`Cannot broadcast client event (connection not subscribed to channel ${channel})`),
  clientEventIncomplete: () => error('Invalid client event (must contain channel and data)'),
  clientEventName: (chars: number) =>
    error(`Client event rejected - event name is longer than ${chars} characters`),
  clientEventNameInvalid: (rule: string) =>
    error(`Client event rejected - invalid event name: ${rule}`),
  clientEventTooLarge: (bytes: number) =>
    error(`Client event rejected - data is larger than ${bytes} bytes`),
  clientEventRate: (perSecond: number) =>
    error(
      `Client event rejected due to rate limit: more than ${perSecond} in a second on this connection`,
      4301,
    ),
} as const;

/** How many characters of what a client sent are repeated to it. */
const SHOWN_CHARS = 200;

/** Shortens a client's own text, so that an error is never larger than the frame that caused it. */
export function shown(text: string): string {
  if (text.length <= SHOWN_CHARS) return text;
  // Half of a surrogate pair would be no text: Swift refuses the whole frame it stands in.
  const whole = text.slice(0, SHOWN_CHARS).replace(/[\uD800-\uDBFF]$/, '');
  return `${whole}…`;
}
