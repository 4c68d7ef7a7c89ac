import {
  clientErrors,
  limits,
  userChannel,
  type ChannelName,
  type ClientError,
  type PresenceMember,
} from '@fanfare/protocol';
import { infoOf, parseFields } from './channel-data.ts';

/** Whom a connection signs in as, and whom it watches. */
export interface UserData {
  readonly user: string;
  /** The user's own channel. */
  readonly channel: ChannelName;
  /** The user_info as JSON, or empty; undefined for one that is larger than a member's may be. */
  readonly info: string | undefined;
  /** Each once, and no more than a connection may watch. */
  readonly watchlist: readonly ChannelName[];
  /** There were more of them. */
  readonly watchlistCut: boolean;
}

export type ParsedUserData =
  | { readonly ok: true; readonly data: UserData }
  | { readonly ok: false; readonly error: ClientError };

/** The user that `user_data` names: the very text that was signed. Never throws, whatever the text. */
export function parseUserData(
  text: string,
  maxInfoBytes: number = limits.presenceUserInfoBytes,
): ParsedUserData {
  const fields = parseFields(text);
  if (fields === undefined)
    return refused(clientErrors.invalidParameter('data.user_data', 'an object as JSON'));
  const user = fields['id'];
  // Not even a number: no SDK takes one, here or there.
  const channel = typeof user === 'string' ? userChannel(user) : undefined;
  if (typeof user !== 'string' || channel === undefined)
    return refused(clientErrors.invalidSigninUser(limits.userIdChars));
  const info = infoOf(fields['user_info']);
  if (info === undefined) return refused(clientErrors.invalidSigninInfo());
  const watched = watchlistOf(fields['watchlist']);
  if (watched === undefined) return refused(clientErrors.invalidWatchlist(limits.userIdChars));
  const fits = Buffer.byteLength(info) <= maxInfoBytes;
  return {
    ok: true,
    data: {
      user,
      channel,
      info: fits ? info : undefined,
      watchlist: watched.slice(0, limits.watchlistUsers),
      watchlistCut: watched.length > limits.watchlistUsers,
    },
  };
}

/** Whom a signed-in user stands for on a presence channel, when the subscribe does not say it. */
export function memberOf(
  { user, info }: Pick<UserData, 'user' | 'info'>,
  maxInfoBytes: number = limits.presenceUserInfoBytes,
): PresenceMember | ClientError {
  if (user.length > limits.presenceUserIdChars)
    return clientErrors.presenceUserTooLong(limits.presenceUserIdChars);
  // The limit may be another one than at the signin.
  return info === undefined || Buffer.byteLength(info) > maxInfoBytes
    ? clientErrors.userInfoTooLarge(maxInfoBytes)
    : { user, info };
}

function watchlistOf(value: unknown): readonly ChannelName[] | undefined {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const channels = new Set<ChannelName>();
  for (const user of value as readonly unknown[]) {
    const channel = typeof user === 'string' ? userChannel(user) : undefined;
    if (channel === undefined) return undefined;
    channels.add(channel);
  }
  return [...channels];
}

function refused(error: ClientError): ParsedUserData {
  return { ok: false, error };
}
