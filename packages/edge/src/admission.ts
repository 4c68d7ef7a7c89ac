import { isSignatureOf, type App } from '@fanfare/core';
import {
  carriesClientEvents,
  channelNameRule,
  channelStringToSign,
  channelTraits,
  clientErrors,
  eventNameRule,
  fitsChannelName,
  isEventName,
  parseAuth,
  parseChannelName,
  shown,
  userStringToSign,
  type ChannelName,
  type ClientError,
  type ClientFrame,
  type PresenceMember,
  type SocketId,
  type SubscriptionErrorType,
} from '@fanfare/protocol';
import { parseMember } from './channel-data.ts';
import { parseUserData, type ParsedUserData } from './user-data.ts';

type Frame<Kind extends ClientFrame['kind']> = Extract<ClientFrame, { kind: Kind }>;

export type Admission =
  | {
      readonly ok: true;
      readonly channel: ChannelName;
      /**
       * On a presence channel: whom the socket stands for. `signed-in`, there and on a user's own
       * channel: who it is signed in as when it is its turn.
       */
      readonly member: PresenceMember | 'signed-in' | undefined;
    }
  | { readonly ok: false; readonly refusal: Refusal };

/** What a client is told of a subscription that it does not get. */
export interface Refusal {
  readonly error: ClientError;
  /** What the channel's own listeners are told; absent when its subscription stands. */
  readonly failure?: {
    readonly type: SubscriptionErrorType;
    /** As HTTP would number it; pusher-js shows it to the channel's listeners. */
    readonly status: number;
  };
}

/** Decides whether this socket may subscribe: the name, the kind, the signature, and whom it stands for. */
export function admitSubscribe(app: App, socketId: SocketId, frame: Frame<'subscribe'>): Admission {
  const channel = parseChannelName(frame.channel, app.dialect);
  const { maxChannelNameChars, maxPresenceUserInfoBytes } = app.limits;
  if (channel === undefined || !fitsChannelName(channel, maxChannelNameChars))
    return refused(
      clientErrors.invalidChannelName(
        shown(frame.channel),
        channelNameRule(app.dialect, maxChannelNameChars),
      ),
      'RequestError',
      400,
    );
  const { kind } = channelTraits(channel);
  if (kind === 'user') return { ok: true, channel, member: 'signed-in' };
  if (kind === 'public') return { ok: true, channel, member: undefined };
  const error = checkAuth(app, socketId, channel, frame);
  if (error !== undefined) return refused(error, 'AuthError', 401);
  if (kind !== 'presence') return { ok: true, channel, member: undefined };
  if (frame.channelData === undefined) return { ok: true, channel, member: 'signed-in' };
  const parsed = parseMember(frame.channelData, app.dialect, maxPresenceUserInfoBytes);
  if (!parsed.ok) return refused(parsed.error, 'RequestError', 400);
  return { ok: true, channel, member: parsed.member };
}

function checkAuth(
  app: App,
  socketId: SocketId,
  channel: ChannelName,
  { auth, channelData }: Frame<'subscribe'>,
): ClientError | undefined {
  if (auth === undefined) return clientErrors.authRequired(channel);
  const text = channelStringToSign(socketId, channel, channelData);
  return checkSignature(app, auth, text, clientErrors.invalidAuthKey);
}

/** Whether one of the app's keys has signed the text. */
function checkSignature(
  app: App,
  auth: string,
  text: string,
  wrongKey: (key: string) => ClientError,
): ClientError | undefined {
  const parts = parseAuth(auth);
  const pair = app.keys.find(({ key }) => key === parts?.key);
  if (parts === undefined || pair === undefined) return wrongKey(shown(parts?.key ?? auth));
  if (isSignatureOf(parts.signature, pair.secret, text)) return undefined;
  return clientErrors.invalidSignature(shown(text), shown(parts.signature));
}

/** Decides whether this socket may sign in, and as whom. */
export function admitSignin(
  app: App,
  socketId: SocketId,
  { auth, userData }: Frame<'signin'>,
): ParsedUserData {
  const text = userStringToSign(socketId, userData);
  const error = checkSignature(app, auth, text, clientErrors.invalidSigninKey);
  return error === undefined
    ? parseUserData(userData, app.limits.maxPresenceUserInfoBytes)
    : { ok: false, error };
}

export type ClientEventAdmission =
  | { readonly ok: true; readonly channel: ChannelName }
  | { readonly ok: false; readonly error: ClientError };

/** Decides whether a client event may go out, apart from whether its sender is subscribed. */
export function admitClientEvent(app: App, frame: Frame<'client-event'>): ClientEventAdmission {
  if (!app.clientEvents) return rejected(clientErrors.clientEventsDisabled());
  const channel = parseChannelName(frame.channel, app.dialect);
  if (channel === undefined || !carriesClientEvents(channelTraits(channel).kind))
    return rejected(clientErrors.clientEventChannel());
  const { maxEventNameChars, maxEventBytes } = app.limits;
  if (!isEventName(frame.event, app.dialect, maxEventNameChars))
    return rejected(eventNameError(app));
  if (Buffer.byteLength(frame.data) > maxEventBytes)
    return rejected(clientErrors.clientEventTooLarge(maxEventBytes));
  return { ok: true, channel };
}

function eventNameError({ dialect, limits: { maxEventNameChars: max } }: App): ClientError {
  return dialect === 'webman'
    ? clientErrors.clientEventNameInvalid(eventNameRule(dialect, max))
    : clientErrors.clientEventName(max);
}

function refused(error: ClientError, type: SubscriptionErrorType, status: number): Admission {
  return { ok: false, refusal: { error, failure: { type, status } } };
}

function rejected(error: ClientError): ClientEventAdmission {
  return { ok: false, error };
}
