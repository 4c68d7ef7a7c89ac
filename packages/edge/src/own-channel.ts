import {
  channelKey,
  clientErrors,
  subscriptionSucceededFrame,
  type ChannelKey,
  type ChannelName,
} from '@fanfare/protocol';
import type { SubscribingConnection } from './subscribing.ts';
import type { Watcher } from './watched-user.ts';

/** Whom a connection is signed in as. While it is, it has the events of the user's channel, subscribed to it or not. */
export interface SignedIn {
  readonly user: string;
  readonly key: ChannelKey;
  info: string | undefined;
  watcher: Watcher | undefined;
  /** It has asked for the channel itself, as SDKs do. */
  subscribed: boolean;
}

/** A user's own channel needs no interest in it: whoever is signed in has its events already. */
export function subscribeToUser(connection: SubscribingConnection, channel: ChannelName): void {
  if (!connection.isOpen) return;
  const { user, app } = connection;
  if (user === undefined || user.key !== channelKey(app.id, channel)) {
    const error = clientErrors.otherUsersChannel(channel);
    connection.refuse(channel, { error, failure: { type: 'AuthError', status: 401 } });
    return;
  }
  if (user.subscribed) {
    connection.refuse(channel, { error: clientErrors.existingSubscription(channel) });
    return;
  }
  user.subscribed = true;
  connection.socket.send(subscriptionSucceededFrame(channel));
}

/** Its events go on arriving. False when it was not subscribed. */
export function unsubscribeFromUser({ user }: SubscribingConnection, key: ChannelKey): boolean {
  if (user?.key !== key || !user.subscribed) return false;
  user.subscribed = false;
  return true;
}
