import type { App } from '@fanfare/core';
import {
  cacheMissFrame,
  channelKey,
  channelTraits,
  clientErrors,
  closeReasons,
  parseChannelName,
  shown,
  subscriptionSucceededFrame,
  type ChannelKey,
  type ChannelName,
  type ClientError,
  type ClientFrame,
  type CloseReason,
  type PresenceMember,
  type SocketId,
} from '@fanfare/protocol';
import { admitSubscribe, type Refusal } from './admission.ts';
import type { FirstEvent } from './cache-channel.ts';
import type { EdgeCounters } from './counters.ts';
import type { EdgeEvents } from './events.ts';
import type { Hub, LocalChannel } from './hub.ts';
import type { Latest } from './latest.ts';
import { subscribeToUser, unsubscribeFromUser, type SignedIn } from './own-channel.ts';
import type { ClientSocket } from './socket.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Task } from './turnstile.ts';
import { memberOf } from './user-data.ts';

/** What all subscribing on an edge shares. */
export interface SubscribingContext {
  readonly hub: Hub;
  readonly events: EdgeEvents;
  readonly counters: EdgeCounters;
  readonly latest: Latest;
  readonly nowMs: () => number;
}

/** A connection as its subscriptions see it. */
export interface SubscribingConnection {
  readonly id: SocketId;
  readonly app: App;
  readonly isOpen: boolean;
  /** Only while the connection is open. */
  readonly socket: ClientSocket;
  isSubscribed(channel: ChannelKey): boolean;
  readonly subscriptions: Subscriptions;
  /** Whom it is signed in as. */
  readonly user: SignedIn | undefined;
  /** A signature of the app has shown whose it is. */
  authorized(): void;
  tell(error: ClientError): void;
  refuse(channel: string, refusal: Refusal): void;
  close(reason: CloseReason): void;
}

/** A subscription that was admitted and waits for its turn and for the bus. */
interface Wish {
  readonly channel: ChannelName;
  readonly local: LocalChannel;
  /** Whom the socket stands for on a presence channel. */
  readonly member: PresenceMember | undefined;
}

/**
 * The bus is asked as soon as the frame is here, so that a client that subscribes to many channels
 * waits for one round trip; the answer is given by the task, in the frame's turn.
 */
export function subscribeTask(
  context: SubscribingContext,
  connection: SubscribingConnection,
  frame: Extract<ClientFrame, { kind: 'subscribe' }>,
): Task {
  const admission = admitSubscribe(connection.app, connection.id, frame);
  if (!admission.ok)
    return () => {
      connection.refuse(frame.channel, admission.refusal);
      return undefined;
    };
  const { channel, member } = admission;
  if (channelTraits(channel).kind === 'user')
    return () => {
      subscribeToUser(connection, channel);
      return undefined;
    };
  // At once: whoever has a right to a channel does not lose it because the bus is slow.
  if (channelTraits(channel).kind !== 'public') connection.authorized();
  const local = context.hub.acquire(channelKey(connection.app.id, channel));
  if (member !== 'signed-in')
    return () => subscribe(context, connection, { channel, local, member });
  return () => {
    const own = ownMember(connection);
    if (!('message' in own)) return subscribe(context, connection, { channel, local, member: own });
    context.hub.release(local);
    connection.refuse(channel, { error: own, failure: { type: 'RequestError', status: 400 } });
    return undefined;
  };
}

/** Who is signed in need not say whom it stands for. */
function ownMember({ user, app }: SubscribingConnection): PresenceMember | ClientError {
  return user === undefined
    ? clientErrors.missingParameter('data.channel_data')
    : memberOf(user, app.limits.maxPresenceUserInfoBytes);
}

export function unsubscribe(
  context: SubscribingContext,
  connection: SubscribingConnection,
  name: string,
): void {
  if (!connection.isOpen) return;
  const channel = parseChannelName(name, connection.app.dialect);
  const key = channel === undefined ? undefined : channelKey(connection.app.id, channel);
  if (key !== undefined && unsubscribeFromUser(connection, key)) return;
  if (key === undefined || !connection.subscriptions.delete(key)) {
    connection.tell(clientErrors.noSubscription(shown(name)));
    return;
  }
  connection.socket.unsubscribe(key);
  context.latest.left(connection, key);
  context.hub.leave(key, connection.id);
}

function subscribe(
  context: SubscribingContext,
  connection: SubscribingConnection,
  wish: Wish,
): Promise<void> | undefined {
  const { channel, local, member } = wish;
  if (!connection.isOpen) {
    context.hub.release(local);
    return undefined;
  }
  const refusal = objection(connection, channel, local.key);
  if (refusal !== undefined) {
    context.hub.release(local);
    connection.refuse(channel, refusal);
    return undefined;
  }
  if (local.ready !== undefined || member !== undefined || local.cache !== undefined)
    return confirmWhen(enter(connection, wish), context, connection, wish);
  confirm(context, connection, wish);
  return undefined;
}

function objection(
  { app, subscriptions }: SubscribingConnection,
  channel: ChannelName,
  key: ChannelKey,
): Refusal | undefined {
  // Nothing is told to the channel's own listeners here: its first subscription is well.
  if (subscriptions.has(key)) return { error: clientErrors.existingSubscription(channel) };
  const { maxChannelsPerConnection: max } = app.limits;
  return subscriptions.size < max ? undefined : overLimit(clientErrors.tooManyChannels(max));
}

interface Entered {
  /** On a cache channel. */
  readonly first: FirstEvent | undefined;
}

/** Resolves with undefined when a presence channel is full. */
async function enter(
  { id, app }: SubscribingConnection,
  { local, member }: Wish,
): Promise<Entered | undefined> {
  if (local.ready !== undefined) await local.ready;
  const { presence, cache } = local;
  if (presence !== undefined && member !== undefined) {
    const isIn = await presence.join(id, member, app.limits.maxPresenceMembers);
    if (!isIn) return undefined;
  }
  try {
    return { first: await cache?.first() };
  } catch (error) {
    presence?.part(id);
    throw error;
  }
}

async function confirmWhen(
  entering: Promise<Entered | undefined>,
  context: SubscribingContext,
  connection: SubscribingConnection,
  wish: Wish,
): Promise<void> {
  const { hub, events, nowMs } = context;
  const startedMs = nowMs();
  let entered: Entered | undefined;
  try {
    entered = await entering;
  } catch (error) {
    hub.release(wish.local);
    if (connection.isOpen) events.subscribeFailed(error);
    // No SDK asks again for a channel that failed, but each does so after a reconnect.
    connection.close(closeReasons.subscribeTimeout);
    return;
  }
  const waitedMs = nowMs() - startedMs;
  if (entered !== undefined) confirm(context, connection, wish, entered.first);
  else {
    hub.release(wish.local);
    const { maxPresenceMembers: max } = connection.app.limits;
    connection.refuse(wish.channel, overLimit(clientErrors.presenceChannelFull(wish.channel, max)));
  }
  events.subscribeWaited(waitedMs);
}

/**
 * The confirmation goes out before the socket joins the topic, so nothing of the channel precedes
 * it; then, of a cache channel, its last event, so that only later ones follow.
 */
function confirm(
  { hub, counters }: SubscribingContext,
  connection: SubscribingConnection,
  { channel, local }: Wish,
  first?: FirstEvent,
): void {
  const { presence, cache } = local;
  if (connection.isOpen)
    connection.socket.send(presence?.succeededFrame() ?? subscriptionSucceededFrame(channel));
  if (connection.isOpen && first !== undefined) {
    counters[first.frame === undefined ? 'cacheMisses' : 'cacheHits'] += 1;
    connection.socket.send(first.frame ?? cacheMissFrame(channel));
  }
  if (!connection.isOpen) {
    presence?.part(connection.id);
    hub.release(local);
    return;
  }
  connection.subscriptions.add(local.key);
  if (cache !== undefined && first !== undefined)
    cache.enter(connection.id, connection.socket, first);
  else connection.socket.subscribe(local.key);
  const count = local.count?.welcome();
  hub.confirmed(local);
  if (count !== undefined) connection.socket.send(count);
}

function overLimit(error: ClientError): Refusal {
  return { error, failure: { type: 'LimitError', status: 429 } };
}
