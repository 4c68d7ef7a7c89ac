import { broadcastChannel, channelKey, closeReasons, type ChannelKey } from '@fanfare/protocol';
import type { LocalChannel } from './hub.ts';
import type { SubscribingConnection, SubscribingContext } from './subscribing.ts';
import type { Task } from './turnstile.ts';

/** A connection that may hear what its app sends to everybody. */
export interface BroadcastConnection extends SubscribingConnection {
  /** Where it hears that, from when it does; apart from its subscriptions, for no client has asked for it. */
  broadcast: ChannelKey | undefined;
}

/**
 * Makes a connection hear what its app sends to everybody, and calls `joining` just before it does:
 * whoever is established there misses no broadcast. Only the first connection of an app waits for
 * the bus here.
 */
export function joinBroadcastTask(
  context: SubscribingContext,
  connection: BroadcastConnection,
  joining: () => void,
): Task {
  const local = context.hub.acquire(channelKey(connection.app.id, broadcastChannel));
  return () => {
    if (local.ready !== undefined)
      return joinWhen(local.ready, context, connection, local, joining);
    join(context, connection, local, joining);
    return undefined;
  };
}

async function joinWhen(
  ready: Promise<void>,
  context: SubscribingContext,
  connection: BroadcastConnection,
  local: LocalChannel,
  joining: () => void,
): Promise<void> {
  try {
    await ready;
  } catch (error) {
    context.hub.release(local);
    if (connection.isOpen) context.events.subscribeFailed(error);
    connection.close(closeReasons.subscribeTimeout);
    return;
  }
  join(context, connection, local, joining);
}

/** The greeting goes out before the socket joins the topic, so that it is the first frame. */
function join(
  { hub }: SubscribingContext,
  connection: BroadcastConnection,
  local: LocalChannel,
  joining: () => void,
): void {
  joining();
  if (!connection.isOpen) {
    hub.release(local);
    return;
  }
  connection.broadcast = local.key;
  connection.socket.subscribe(local.key);
  hub.confirmed(local);
}
