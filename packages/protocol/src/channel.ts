import type { Brand } from './brand.ts';
import { hasMoreCharacters, isFreeName, type Dialect } from './dialect.ts';
import type { AppId } from './ids.ts';
import { limits } from './limits.ts';

export type ChannelName = Brand<string, 'ChannelName'>;

/** A channel of an app as one string, the key of every map and topic: `1001/private-room`. */
export type ChannelKey = Brand<string, 'ChannelKey'>;

export type ChannelKind = 'public' | 'private' | 'private-encrypted' | 'presence' | 'user';

export interface ChannelTraits {
  readonly kind: ChannelKind;
  /** The channel keeps its last event for those who subscribe later. */
  readonly cache: boolean;
}

const CHANNEL_NAME = /^#?[-a-zA-Z0-9_=@,.;]+$/;
const USER_PREFIX = '#server-to-user-';

/** The longer prefix of two that both match stands first. */
const PREFIXES: readonly (readonly [prefix: string, traits: ChannelTraits])[] = [
  ['private-encrypted-cache-', { kind: 'private-encrypted', cache: true }],
  ['private-encrypted-', { kind: 'private-encrypted', cache: false }],
  ['private-cache-', { kind: 'private', cache: true }],
  ['private-', { kind: 'private', cache: false }],
  ['presence-cache-', { kind: 'presence', cache: true }],
  ['presence-', { kind: 'presence', cache: false }],
  ['cache-', { kind: 'public', cache: true }],
  [USER_PREFIX, { kind: 'user', cache: false }],
];
const PUBLIC: ChannelTraits = { kind: 'public', cache: false };

/**
 * What reaches every connection of an app that allows it. It is no name that anybody could subscribe
 * to: webman/push keeps its connections in a channel without one.
 */
export const broadcastChannel = '' as ChannelName; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the one name that is made and not parsed

/** Returns undefined for a name the app's dialect does not allow, so the caller must decide what to answer. */
export function parseChannelName(
  input: string,
  dialect: Dialect = 'pusher',
): ChannelName | undefined {
  return isChannelName(input, dialect) ? input : undefined;
}

/** The channel on which the server reaches the sockets of one signed-in user; nobody else's business. */
export function isUserChannel(name: string): boolean {
  return name.startsWith(USER_PREFIX);
}

/** Prefixes are anchored and case-sensitive: `x-private-a` and `Private-a` are public. */
export function channelTraits(name: ChannelName): ChannelTraits {
  for (const [prefix, traits] of PREFIXES) if (name.startsWith(prefix)) return traits;
  return PUBLIC;
}

/** Only private and presence channels carry client events; SDKs refuse the rest too. */
export function carriesClientEvents(kind: ChannelKind): boolean {
  return kind === 'private' || kind === 'private-encrypted' || kind === 'presence';
}

/** The channel by which the server reaches every socket that is signed in as the user; undefined for an id that no user can have. */
export function userChannel(user: string): ChannelName | undefined {
  return parseChannelName(`${USER_PREFIX}${user}`);
}

/** The other way; undefined for a channel that is no user's. */
export function userOfChannel(name: ChannelName): string | undefined {
  return isUserChannel(name) ? name.slice(USER_PREFIX.length) : undefined;
}

export function channelKey(app: AppId, channel: ChannelName): ChannelKey {
  const key: string = `${app}/${channel}`;
  return key as ChannelKey; // oxlint-disable-line typescript/no-unsafe-type-assertion -- both parts are parsed; this is the one place that joins them
}

export function appOfKey(key: ChannelKey): AppId {
  return key.slice(0, key.indexOf('/')) as AppId; // oxlint-disable-line typescript/no-unsafe-type-assertion -- app ids have no slash, so this is the part that was joined
}

export function channelOfKey(key: ChannelKey): ChannelName {
  return key.slice(key.indexOf('/') + 1) as ChannelName; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the rest after the app id is the name that was joined
}

/** Whether a name is no longer than an app allows. A user's own channel is as long as the user's id makes it. */
export function fitsChannelName(name: ChannelName, maxChars: number): boolean {
  return !hasMoreCharacters(name, maxChars) || isUserChannel(name);
}

/** What no client and no API caller can name, whatever the dialect: names have no control characters. */
const RESERVED_PREFIX = '#\u0001';

/** Counts the connections of an app as if they were subscriptions, where its limit needs it. */
export function connectionsKey(app: AppId): ChannelKey {
  const key: string = `${app}/${RESERVED_PREFIX}connections`;
  return key as ChannelKey; // oxlint-disable-line typescript/no-unsafe-type-assertion -- made of a parsed id and a name of our own
}

/** A channel that is none for anybody outside: in no list, and told to no webhook. */
export function isReservedChannel(name: ChannelName): boolean {
  return name.startsWith(RESERVED_PREFIX);
}

function isChannelName(input: string, dialect: Dialect): input is ChannelName {
  if (isUserChannel(input)) {
    // Pusher limits the user id of such a channel, not the name around it.
    const chars = input.length - USER_PREFIX.length;
    return chars > 0 && chars <= limits.userIdChars && CHANNEL_NAME.test(input);
  }
  if (dialect === 'webman') return isFreeName(input, limits.channelNameChars);
  const fits = input.length <= limits.channelNameChars && !input.startsWith('#');
  return fits && CHANNEL_NAME.test(input);
}
