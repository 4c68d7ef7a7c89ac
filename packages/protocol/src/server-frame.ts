import type { ChannelName } from './channel.ts';
import type { ClientError } from './errors.ts';
import type { SocketId } from './ids.ts';

/**
 * Frames to clients. `data` is JSON inside a JSON string in every frame except `pusher:error`,
 * where it is an object: Swift and .NET read nothing else.
 */
export const pongFrame = '{"event":"pusher:pong","data":"{}"}';

export function connectionEstablishedFrame(
  socketId: SocketId,
  activityTimeoutSeconds: number,
): string {
  const data = JSON.stringify({ socket_id: socketId, activity_timeout: activityTimeoutSeconds });
  return JSON.stringify({ event: 'pusher:connection_established', data });
}

export function errorFrame(error: ClientError): string {
  return JSON.stringify({
    event: 'pusher:error',
    data: { code: error.code, message: error.message },
  });
}

export function subscriptionSucceededFrame(channel: ChannelName): string {
  return `{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":${JSON.stringify(channel)}}`;
}

/** What a subscriber of a cache channel gets when there is no event; Java decrypts any other data. */
export function cacheMissFrame(channel: ChannelName): string {
  return `{"event":"pusher:cache_miss","channel":${JSON.stringify(channel)},"data":"{}"}`;
}

/** A member of a presence channel; `info` is its user_info as JSON, or empty. */
export interface PresenceMember {
  readonly user: string;
  readonly info: string;
}

/** The confirmation of a presence channel, with everybody who is in it. */
export function presenceSucceededFrame(
  channel: ChannelName,
  members: readonly PresenceMember[],
): string {
  const ids = members.map(({ user }) => JSON.stringify(user));
  // Joined as text: as an object, a member called `__proto__` would be none.
  const hash = members.map(({ info }, at) => `${ids[at] ?? ''}:${userInfo(info)}`);
  const presence = `{"presence":{"count":${members.length},"ids":[${ids.join(',')}],"hash":{${hash.join(',')}}}}`;
  return internalFrame('subscription_succeeded', channel, presence);
}

export function memberAddedFrame(channel: ChannelName, { user, info }: PresenceMember): string {
  const data = `{"user_id":${JSON.stringify(user)},"user_info":${userInfo(info)}}`;
  return internalFrame('member_added', channel, data);
}

export function memberRemovedFrame(channel: ChannelName, user: string): string {
  return internalFrame('member_removed', channel, JSON.stringify({ user_id: user }));
}

/** How many subscriptions the channel has in the whole cluster. */
export function subscriptionCountFrame(channel: ChannelName, count: number): string {
  return internalFrame('subscription_count', channel, `{"subscription_count":${count}}`);
}

/** Never absent, and never null: apps written in Swift or JavaScript read members of it unasked. */
function userInfo(info: string): string {
  return info === '' ? '{}' : info;
}

function internalFrame(event: string, channel: ChannelName, data: string): string {
  return JSON.stringify({ event: `pusher_internal:${event}`, data, channel });
}

/** pusher-js and Echo hand it to the channel's own listeners, which `pusher:error` never reaches. */
export function subscriptionErrorFrame(
  channel: string,
  type: SubscriptionErrorType,
  error: string,
  status: number,
): string {
  return JSON.stringify({
    event: 'pusher:subscription_error',
    channel,
    data: JSON.stringify({ type, error, status }),
  });
}

export type SubscriptionErrorType = 'AuthError' | 'LimitError' | 'ServerError' | 'RequestError';

/** `userData` is the text that was signed, unchanged. */
export function signinSuccessFrame(userData: string): string {
  const data = JSON.stringify({ user_data: userData });
  return JSON.stringify({ event: 'pusher:signin_success', data });
}

/** Users of a watchlist who came or went; of an empty list nothing is said. */
export function watchlistEventsFrame(
  online: readonly string[],
  offline: readonly string[],
): string {
  const events = [
    { name: 'offline', user_ids: offline },
    { name: 'online', user_ids: online },
  ].filter(({ user_ids: users }) => users.length > 0);
  return JSON.stringify({
    event: 'pusher_internal:watchlist_events',
    data: JSON.stringify({ events }),
  });
}

/** An event of a channel; `userId` only for a client event on a presence channel. */
export function eventFrame(
  channel: ChannelName,
  event: string,
  data: string,
  userId?: string,
): string {
  return JSON.stringify(
    userId === undefined ? { event, channel, data } : { event, channel, data, user_id: userId },
  );
}
