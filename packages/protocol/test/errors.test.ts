import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  channelNameRule,
  clientErrors,
  errorFrame,
  shown,
  type ClientError,
} from '../src/index.ts';

/**
 * The texts stand here a second time on purpose: SDKs, and people in search engines, match them.
 * When each is told is proved by the tests of the edge.
 */
const texts: readonly (readonly [rule: string, error: ClientError, message: string])[] = [
  ['FR2', clientErrors.invalidJson(), 'Received invalid JSON'],
  ['FR2', clientErrors.missingParameter('event'), 'Missing parameter: event'],
  [
    'FR3',
    clientErrors.unsupportedEvent('pusher:x'),
    'Unsupported event received on socket: pusher:x',
  ],
  [
    'FR5',
    clientErrors.invalidParameter('data.channel', 'a string'),
    'Invalid parameter: data.channel must be a string',
  ],
  ['FR7', clientErrors.binaryFrame(), 'Binary frames are not supported'],
  ['SB4', clientErrors.authRequired('private-a'), 'Auth info required to subscribe to private-a'],
  ['SB5', clientErrors.invalidAuthKey('k'), "Invalid key in subscription auth data: 'k'"],
  [
    'SB6',
    clientErrors.invalidSignature('1.2:private-a', 'dead'),
    'Invalid signature: Expected HMAC SHA256 hex digest of 1.2:private-a, but got dead',
  ],
  ['SB8', clientErrors.existingSubscription('a'), 'Existing subscription to channel a'],
  [
    'SB9',
    clientErrors.noSubscription('a'),
    'No current subscription to channel a, or subscription in progress',
  ],
  [
    'SB12',
    clientErrors.invalidChannelName('a b', channelNameRule('pusher')),
    "Invalid channel name 'a b': expected 1 to 200 characters out of A-Z a-z 0-9 _ - = @ , . ;",
  ],
  ['SB14', clientErrors.tooManyChannels(3), 'Over the limit of 3 channels on one connection'],
  ['US1', clientErrors.invalidSigninKey('k'), "Invalid key in signin auth data: 'k'"],
  [
    'US2',
    clientErrors.invalidSigninUser(200),
    'Invalid id in user_data: expected text of 1 to 200 characters out of A-Z a-z 0-9 _ - = @ , . ;',
  ],
  [
    'US2',
    clientErrors.invalidSigninInfo(),
    'Invalid user_info in user_data: expected an object, if it is supplied',
  ],
  [
    'US2',
    clientErrors.invalidWatchlist(200),
    'Invalid watchlist in user_data: expected an array of user ids, each text of 1 to 200 characters out of A-Z a-z 0-9 _ - = @ , . ;',
  ],
  ['US3', clientErrors.signedInAlready(), 'This connection is signed in as another user already'],
  [
    'US4',
    clientErrors.otherUsersChannel('#server-to-user-7'),
    'Only a connection that is signed in as the user may subscribe to #server-to-user-7',
  ],
  [
    'US5',
    clientErrors.presenceUserTooLong(128),
    "The id of the signed-in user is longer than a member's may be: 128 characters",
  ],
  [
    'PS2',
    clientErrors.invalidUserId(128),
    'Invalid user_id in channel_data: expected text of 1 to 128 characters or a whole number below 2^53',
  ],
  [
    'PS3',
    clientErrors.invalidUserInfo(),
    'user_info supplied to presence subscription is invalid - if supplied it must be a type of hash',
  ],
  [
    'PS3',
    clientErrors.userInfoTooLarge(1024),
    'user_info supplied to presence subscription is larger than 1024 bytes',
  ],
  [
    'PS8',
    clientErrors.presenceChannelFull('presence-a', 100),
    'Channel presence-a is full: it may have 100 members',
  ],
  [
    'CE2',
    clientErrors.clientEventChannel(),
    'Client event rejected - only supported on private and presence channels',
  ],
  [
    'CE3',
    clientErrors.clientEventNotSubscribed('private-a'),
    'Cannot broadcast client event (connection not subscribed to channel private-a)',
  ],
  [
    'CE4',
    clientErrors.clientEventIncomplete(),
    'Invalid client event (must contain channel and data)',
  ],
  [
    'CE5',
    clientErrors.clientEventsDisabled(),
    'To send client events, you must enable this feature in the Settings page of your dashboard.',
  ],
  [
    'CE7',
    clientErrors.clientEventName(200),
    'Client event rejected - event name is longer than 200 characters',
  ],
  [
    'CE7',
    clientErrors.clientEventTooLarge(10_240),
    'Client event rejected - data is larger than 10240 bytes',
  ],
];

describe('Errors', () => {
  for (const [rule, error, message] of texts)
    it(`[${rule}] is told as: ${message}`, () => assert.deepEqual(error, { code: null, message }));

  it('[FR1] a client event over the rate is told with 4301, which SDKs do not take for a close', () => {
    const { code, message } = clientErrors.clientEventRate(10);
    assert.equal(code, 4301);
    assert.match(message, /^Client event rejected due to rate limit/);
  });

  it('[US7] a watchlist that is too long is told with 4302, in the words of Pusher’s documentation', () => {
    assert.deepEqual(clientErrors.watchlistTooLong(100), {
      code: 4302,
      message: 'Watchlist limit exceeded. Only the first 100 user IDs are accepted.',
    });
  });

  it('[FR1] no error that leaves the socket open has a code that SDKs take for a close', () => {
    for (const [, { code }] of texts) assert.equal(code, null);
  });

  it('[FR9] text of up to 200 characters is repeated as it is, longer text cut', () => {
    for (const text of ['', 'a', 'x'.repeat(200), '😀'.repeat(100)])
      assert.equal(shown(text), text);
    assert.equal(shown('x'.repeat(201)), `${'x'.repeat(200)}…`);
    assert.equal(shown('x'.repeat(65_536)), `${'x'.repeat(200)}…`);
  });

  it('[FR9] a character of two halves is not cut in two', () => {
    assert.equal(shown(`x${'😀'.repeat(100)}`), `x${'😀'.repeat(99)}…`);
    assert.equal(shown('😀'.repeat(101)), `${'😀'.repeat(100)}…`);
    assert.ok(
      !errorFrame(clientErrors.unsupportedEvent(shown(`x${'😀'.repeat(100)}`))).includes('\\ud'),
    );
  });
});
