import type { App } from '@fanfare/core';
import {
  channelKey,
  clientErrors,
  closeReasons,
  connectionEstablishedFrame,
  decodeClientFrame,
  errorFrame,
  limits,
  pongFrame,
  shown,
  subscriptionErrorFrame,
  type ChannelKey,
  type ClientError,
  type ClientFrame,
  type CloseReason,
  type SocketId,
} from '@fanfare/protocol';
import { admitClientEvent, type Refusal } from './admission.ts';
import type { AuthorizationWatch, Unauthorized } from './authorization.ts';
import { joinBroadcastTask, type BroadcastConnection } from './broadcast.ts';
import { sendClientEvent, type ClientEventContext } from './client-events.ts';
import type { Beating, HeartbeatWheel } from './heartbeat.ts';
import type { ConnectionQuota } from './quota.ts';
import type { SlowSocket } from './latest.ts';
import { TokenBucket } from './rate.ts';
import { closeText, type ClientSocket, type SocketHandler } from './socket.ts';
import { Subscriptions } from './subscriptions.ts';
import type { SignedIn } from './own-channel.ts';
import {
  signinTask,
  signOut,
  type SigningInConnection,
  type SigningInContext,
} from './signing-in.ts';
import { subscribeTask, unsubscribe } from './subscribing.ts';
import { Turnstile, type Task, type TurnstileOwner } from './turnstile.ts';

/** What all connections of an edge share. */
export interface ConnectionContext extends SigningInContext, ClientEventContext {
  readonly wheel: HeartbeatWheel;
  readonly authorization: AuthorizationWatch;
  readonly quota: ConnectionQuota;
  readonly connections: Set<Connection>;
  readonly activityTimeoutSeconds: number;
}

/** What may wait in one connection while the bus is asked; beyond it the client is told to come back. */
const WAITING_MAX = { tasks: 2 * limits.channelsPerConnection, bytes: 1_048_576 } as const;
/** The frame of a subscription with a long name and a signature. */
const SUBSCRIBE_BYTES = 512;

type Frame<Kind extends ClientFrame['kind']> = Extract<ClientFrame, { kind: Kind }>;

/** One client: what it is subscribed to, and what becomes of each of its frames, in their order. */
export class Connection
  implements
    SocketHandler,
    Beating,
    Unauthorized,
    TurnstileOwner,
    SigningInConnection,
    BroadcastConnection
{
  lastSeenTick = 0;
  pingedTick = -1;
  dueTick = 0;
  readonly id: SocketId;
  /** As it is now: exchanged when the app changes, and the last one known when it is no more. */
  app: App;
  readonly subscriptions = new Subscriptions();
  user: SignedIn | undefined;
  broadcast: ChannelKey | undefined;
  readonly #context: ConnectionContext;
  readonly #turnstile = new Turnstile(this);
  #socket: ClientSocket | undefined;
  #clientEvents: TokenBucket | undefined;
  #joinsBroadcast = false;

  constructor(context: ConnectionContext, app: App, id: SocketId) {
    this.id = id;
    this.#context = context;
    this.app = app;
  }

  /** Only while the connection is open. */
  get socket(): ClientSocket {
    if (this.#socket === undefined) throw new Error('the socket is closed');
    return this.#socket;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  isSubscribed(key: ChannelKey): boolean {
    if (this.#socket === undefined) return false;
    return this.subscriptions.has(key) || this.user?.key === key || this.broadcast === key;
  }

  onOpen(socket: ClientSocket): void {
    const { hub, wheel, authorization, quota, connections, counters, latest } = this.#context;
    this.#socket = socket;
    counters.connections += 1;
    connections.add(this);
    hub.join(this.id, this);
    wheel.add(this);
    authorization.begin(this);
    quota.opened(this.app.id);
    latest.opened(this.app);
    if (this.app.broadcastEmptyChannel) this.#joinBroadcast(() => this.#establish());
    else this.#establish();
  }

  #establish(): void {
    this.#send(connectionEstablishedFrame(this.id, this.#context.activityTimeoutSeconds));
  }

  #joinBroadcast(joining: () => void): void {
    this.#joinsBroadcast = true;
    this.#pass(0, joinBroadcastTask(this.#context, this, joining));
  }

  /** A signature of the app has shown whose it is. */
  authorized(): void {
    this.#context.authorization.end(this);
  }

  onSign(): void {
    this.lastSeenTick = this.#context.wheel.now;
  }

  onBinary(): void {
    this.onSign();
    this.#inTurn(0, () => this.tell(clientErrors.binaryFrame()));
  }

  onText(text: string, bytes: number): void {
    this.onSign();
    const { counters } = this.#context;
    counters.framesIn += 1;
    counters.frameBytesIn += bytes;
    const { broadcastEmptyChannel, dialect } = this.app;
    // Its app has come to it since it was established.
    if (broadcastEmptyChannel && !this.#joinsBroadcast) this.#joinBroadcast(() => {});
    const decoded = decodeClientFrame(text, dialect);
    if (decoded.ok) this.#onFrame(decoded.frame, bytes);
    else this.#inTurn(bytes, () => this.tell(decoded.error));
  }

  onDropped(socket: SlowSocket, message: ArrayBuffer, ask: () => void): void {
    this.#context.latest.onDropped(this, socket, message, ask);
  }

  onDrain(): void {
    this.#context.latest.onDrain(this);
  }

  onSlow(): CloseReason | undefined {
    if (this.#socket === undefined) return undefined;
    const { counters, events, latest } = this.#context;
    if (latest.begin(this)) return undefined;
    counters.slowClosed += 1;
    events.closing(this.id, closeReasons.slowConsumer);
    this.onClose();
    return closeReasons.slowConsumer;
  }

  onClose(): void {
    const { hub, wheel, authorization, quota, connections, counters, latest } = this.#context;
    this.#socket = undefined;
    latest.end(this);
    counters.connections -= 1;
    connections.delete(this);
    hub.part(this.id);
    wheel.remove(this);
    authorization.end(this);
    quota.closed(this.app.id);
    for (const key of this.subscriptions.all()) hub.leave(key, this.id);
    if (this.broadcast !== undefined) hub.leave(this.broadcast, this.id);
    signOut(this.#context, this);
  }

  ping(): void {
    this.#socket?.ping();
  }

  expire(): void {
    this.close(closeReasons.pongNotReceived);
  }

  /** The error first and then the close, with the same code: some SDKs see only the one, some only the other. */
  close(reason: CloseReason): void {
    if (this.#socket === undefined) return;
    this.#context.events.closing(this.id, reason);
    this.#socket.send(errorFrame(reason));
    this.#socket?.end(reason.code, closeText(reason, limits.closeReasonBytes));
  }

  /** What is thrown while a frame waits reaches no handler of the listener; it costs this socket alone as well. */
  onDefect(error: unknown): void {
    this.#context.events.defect(error);
    this.#socket?.close();
  }

  #onFrame(frame: ClientFrame, bytes: number): void {
    switch (frame.kind) {
      case 'ping':
        return this.#inTurn(bytes, () => this.#send(pongFrame));
      case 'pong':
        return;
      case 'subscribe':
        return this.#pass(bytes, subscribeTask(this.#context, this, frame));
      case 'unsubscribe':
        return this.#inTurn(bytes, () => unsubscribe(this.#context, this, frame.channel));
      case 'signin':
        return this.#pass(bytes, signinTask(this.#context, this, frame));
      case 'client-event':
        return this.#inTurn(bytes, () => this.#clientEvent(frame));
    }
  }

  #clientEvent(frame: Frame<'client-event'>): void {
    if (this.#socket === undefined) return;
    const error = this.#clientEventError(frame);
    if (error !== undefined) {
      this.#context.counters.clientEventsDropped += 1;
      this.tell(error);
    }
  }

  #clientEventError(frame: Frame<'client-event'>): ClientError | undefined {
    const admission = admitClientEvent(this.app, frame);
    if (!admission.ok) return admission.error;
    const { channel } = admission;
    const key = channelKey(this.app.id, channel);
    if (!this.subscriptions.has(key)) return clientErrors.clientEventNotSubscribed(channel);
    const { maxClientEventsPerSecond: perSecond } = this.app.limits;
    const nowMs = this.#context.nowMs();
    this.#clientEvents ??= new TokenBucket(perSecond, nowMs);
    if (!this.#clientEvents.take(perSecond, nowMs)) return clientErrors.clientEventRate(perSecond);
    const { event, data } = frame;
    const user = this.#context.hub.get(key)?.presence?.userOf(this.id);
    sendClientEvent(this.#context, { app: this.app, channel, event, data, sender: this.id, user });
    return undefined;
  }

  refuse(channel: string, { error, failure }: Refusal): void {
    this.tell(error);
    if (failure === undefined || !this.app.subscriptionErrors) return;
    const { type, status } = failure;
    this.#send(subscriptionErrorFrame(shown(channel), type, error.message, status));
  }

  tell(error: ClientError): void {
    this.#send(errorFrame(error));
  }

  #send(frame: string): void {
    this.#socket?.send(frame);
  }

  #inTurn(bytes: number, act: () => void): void {
    this.#pass(bytes, () => {
      act();
      return undefined;
    });
  }

  #pass(bytes: number, task: Task): void {
    const { waiting } = this.#turnstile;
    // Whoever may have more channels than usual may ask for all of them at once as well.
    const { maxChannelsPerConnection: channels } = this.app.limits;
    const tasksMax = Math.max(WAITING_MAX.tasks, 2 * channels);
    const bytesMax = Math.max(WAITING_MAX.bytes, SUBSCRIBE_BYTES * channels);
    if (waiting.tasks >= tasksMax || waiting.bytes + bytes > bytesMax)
      this.close(closeReasons.overCapacity);
    this.#turnstile.pass(task, bytes);
  }
}
