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
