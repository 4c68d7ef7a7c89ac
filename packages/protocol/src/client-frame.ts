import { channelTraits, parseChannelName } from './channel.ts';
import type { Dialect } from './dialect.ts';
import { clientErrors, shown, type ClientError } from './errors.ts';
import { encodeEventData, isClientEvent } from './event.ts';

/** What a client asks for. Names are still unchecked strings: each use has its own answer to a bad one. */
export type ClientFrame =
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  | {
      readonly kind: 'subscribe';
      readonly channel: string;
      readonly auth: string | undefined;
      readonly channelData: string | undefined;
    }
  | { readonly kind: 'unsubscribe'; readonly channel: string }
  | { readonly kind: 'signin'; readonly auth: string; readonly userData: string }
  | {
      readonly kind: 'client-event';
      readonly event: string;
      readonly channel: string;
      /** As it goes out again: a string as received, anything else as JSON. */
      readonly data: string;
    };

export type Decoded =
  | { readonly ok: true; readonly frame: ClientFrame }
  | { readonly ok: false; readonly error: ClientError };

type Fields = Readonly<Record<string, unknown>>;

/** Text from a client of an app with this dialect; never throws, whatever the text. */
export function decodeClientFrame(text: string, dialect: Dialect = 'pusher'): Decoded {
  const frame = parseObject(text);
  if (frame === undefined) return refused(clientErrors.invalidJson());
  const event = frame['event'];
  if (event === undefined || event === null) return refused(clientErrors.missingParameter('event'));
  if (typeof event !== 'string') return refused(clientErrors.invalidParameter('event', 'a string'));
  switch (event) {
    case 'pusher:ping':
      return accepted({ kind: 'ping' });
    case 'pusher:pong':
      return accepted({ kind: 'pong' });
    case 'pusher:subscribe':
      return withData(frame, (data) => decodeSubscribe(data, dialect));
    case 'pusher:unsubscribe':
      return withData(frame, decodeUnsubscribe);
    case 'pusher:signin':
      return withData(frame, decodeSignin);
    default:
      return isClientEvent(event)
        ? decodeClientEvent(event, frame)
        : refused(clientErrors.unsupportedEvent(shown(event)));
  }
}

function decodeSubscribe(data: Fields, dialect: Dialect): Decoded {
  const channel = data['channel'];
  if (isAbsent(channel)) return refused(clientErrors.missingParameter('data.channel'));
  if (typeof channel !== 'string') return wrongType('data.channel');
  if (isPublic(channel, dialect))
    return accepted({ kind: 'subscribe', channel, auth: undefined, channelData: undefined });
  const auth = optionalString(data['auth']);
  if (auth === null) return wrongType('data.auth');
  const channelData = optionalString(data['channel_data']);
  if (channelData === null) return wrongType('data.channel_data');
  return accepted({ kind: 'subscribe', channel, auth, channelData });
}

/** Whoever may subscribe without auth need not get it right either. */
function isPublic(channel: string, dialect: Dialect): boolean {
  const name = parseChannelName(channel, dialect);
  return name !== undefined && channelTraits(name).kind === 'public';
}

function decodeUnsubscribe(data: Fields): Decoded {
  const channel = data['channel'];
  if (isAbsent(channel)) return refused(clientErrors.missingParameter('data.channel'));
  if (typeof channel !== 'string') return wrongType('data.channel');
  return accepted({ kind: 'unsubscribe', channel });
}

function decodeSignin(data: Fields): Decoded {
  const auth = data['auth'];
  const userData = data['user_data'];
  if (isAbsent(auth)) return refused(clientErrors.missingParameter('data.auth'));
  if (isAbsent(userData)) return refused(clientErrors.missingParameter('data.user_data'));
  if (typeof auth !== 'string') return wrongType('data.auth');
  if (typeof userData !== 'string') return wrongType('data.user_data');
  return accepted({ kind: 'signin', auth, userData });
}

function decodeClientEvent(event: string, frame: Fields): Decoded {
  const { channel, data } = frame;
  if (isAbsent(channel) || isAbsent(data)) return refused(clientErrors.clientEventIncomplete());
  if (typeof channel !== 'string') return wrongType('channel');
  const text = encodeEventData(data);
  if (text === undefined)
    return refused(clientErrors.invalidParameter('data', 'less deeply nested'));
  return accepted({ kind: 'client-event', event, channel, data: text });
}

/** Official clients send `data` as an object; some third-party ones encode it twice. */
function withData(frame: Fields, decode: (data: Fields) => Decoded): Decoded {
  const data = frame['data'];
  // Absent is as good as empty: what then fails is the first member that is needed.
  if (isAbsent(data) || data === '') return decode({});
  const fields = typeof data === 'string' ? parseObject(data) : data;
  return isFields(fields)
    ? decode(fields)
    : refused(clientErrors.invalidParameter('data', 'an object'));
}

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    // A SyntaxError is the answer "not JSON"; JSON.parse throws nothing else.
    return undefined;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** Ruby sends null and pusher-js sends "" for what it does not have. Null here means: of a wrong type. */
function optionalString(value: unknown): string | undefined | null {
  if (isAbsent(value) || value === '') return undefined;
  return typeof value === 'string' ? value : null;
}

function wrongType(name: string): Decoded {
  return refused(clientErrors.invalidParameter(name, 'a string'));
}

function accepted(frame: ClientFrame): Decoded {
  return { ok: true, frame };
}

function refused(error: ClientError): Decoded {
  return { ok: false, error };
}
