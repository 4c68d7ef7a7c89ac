import type { App, Bus } from '@fanfare/core';
import {
  channelKey,
  clientErrors,
  closeReasons,
  connectionEstablishedFrame,
  decodeClientFrame,
  errorFrame,
  eventFrame,
  limits,
  parseChannelName,
  pongFrame,
  shown,
  subscriptionErrorFrame,
  subscriptionSucceededFrame,
  type ChannelKey,
  type ChannelName,
  type ClientError,
  type ClientFrame,
  type CloseReason,
  type SocketId,
} from '@fanfare/protocol';
import { admitClientEvent, admitSubscribe, type Refusal } from './admission.ts';
import type { EdgeCounters } from './counters.ts';
import type { EdgeEvents } from './events.ts';
import type { Beating, HeartbeatWheel } from './heartbeat.ts';
import type { Hub, LocalChannel } from './hub.ts';
import { TokenBucket } from './rate.ts';
import { closeText, type ClientSocket, type SocketHandler } from './socket.ts';
import { Subscriptions } from './subscriptions.ts';
import { Turnstile, type Task, type TurnstileOwner } from './turnstile.ts';

/** What all connections of an edge share. */
export interface ConnectionContext {
  readonly hub: Hub;
  readonly bus: Bus;
  readonly wheel: HeartbeatWheel;
  readonly counters: EdgeCounters;
  readonly events: EdgeEvents;
  readonly connections: Set<Connection>;
  readonly activityTimeoutSeconds: number;
  readonly nowMs: () => number;
  readonly newId: () => string;
}

/** What may wait in one connection while the bus is asked; beyond it the client is told to come back. */
const WAITING_MAX = { tasks: 2 * limits.channelsPerConnection, bytes: 1_048_576 } as const;

type Frame<Kind extends ClientFrame['kind']> = Extract<ClientFrame, { kind: Kind }>;

/** One client: what it is subscribed to, and what becomes of each of its frames, in their order. */
export class Connection implements SocketHandler, Beating, TurnstileOwner {
  lastSeenTick = 0;
  pingedTick = -1;
  dueTick = 0;
  readonly id: SocketId;
  readonly #context: ConnectionContext;
  readonly #app: App;
  readonly #subscriptions = new Subscriptions();
  readonly #turnstile = new Turnstile(this);
  #socket: ClientSocket | undefined;
  #clientEvents: TokenBucket | undefined;

  constructor(context: ConnectionContext, app: App, id: SocketId) {
    this.id = id;
    this.#context = context;
    this.#app = app;
  }

  /** Only while the connection is open. */
  get socket(): ClientSocket {
    if (this.#socket === undefined) throw new Error('the socket is closed');
    return this.#socket;
  }

  isSubscribed(key: ChannelKey): boolean {
    return this.#socket !== undefined && this.#subscriptions.has(key);
  }

  onOpen(socket: ClientSocket): void {
    const { hub, wheel, connections, counters, activityTimeoutSeconds } = this.#context;
    this.#socket = socket;
    counters.connections += 1;
    connections.add(this);
    hub.join(this.id, this);
    wheel.add(this);
    socket.send(connectionEstablishedFrame(this.id, activityTimeoutSeconds));
  }

  onSign(): void {
    this.lastSeenTick = this.#context.wheel.now;
  }

  onBinary(): void {
    this.onSign();
    this.#inTurn(0, () => this.#tell(clientErrors.binaryFrame()));
  }

  onText(text: string, bytes: number): void {
    this.onSign();
    const { counters } = this.#context;
    counters.framesIn += 1;
    counters.frameBytesIn += bytes;
    const decoded = decodeClientFrame(text);
    if (decoded.ok) this.#onFrame(decoded.frame, bytes);
    else this.#inTurn(bytes, () => this.#tell(decoded.error));
  }

  onClose(): void {
    const { hub, wheel, connections, counters } = this.#context;
    this.#socket = undefined;
    counters.connections -= 1;
    connections.delete(this);
    hub.part(this.id);
    wheel.remove(this);
    for (const key of this.#subscriptions.all()) hub.leave(key);
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
        return this.#onSubscribe(frame, bytes);
      case 'unsubscribe':
        return this.#inTurn(bytes, () => this.#unsubscribe(frame.channel));
      case 'signin':
        return this.#inTurn(bytes, () =>
          this.#tell(clientErrors.notAvailable('User authentication and signin')),
        );
      case 'client-event':
        return this.#inTurn(bytes, () => this.#clientEvent(frame));
    }
  }

  /**
   * The bus is asked as soon as the frame is here, so that a client that subscribes to many
   * channels waits for one round trip; the answer is given in the frame's turn.
   */
  #onSubscribe(frame: Frame<'subscribe'>, bytes: number): void {
    const admission = admitSubscribe(this.#app, this.id, frame);
    if (!admission.ok) {
      this.#inTurn(bytes, () => this.#refuse(frame.channel, admission.refusal));
      return;
    }
    const { channel } = admission;
    const local = this.#context.hub.acquire(channelKey(this.#app.id, channel));
    this.#pass(bytes, () => this.#subscribe(channel, local));
  }

  #subscribe(channel: ChannelName, local: LocalChannel): Promise<void> | undefined {
    const refusal = this.#socket === undefined ? undefined : this.#objection(channel, local.key);
    if (this.#socket === undefined || refusal !== undefined) {
      this.#context.hub.release(local);
      if (refusal !== undefined) this.#refuse(channel, refusal);
      return undefined;
    }
    if (local.ready !== undefined) return this.#confirmWhen(local.ready, channel, local);
    this.#confirm(channel, local);
    return undefined;
  }

  async #confirmWhen(
    ready: Promise<void>,
    channel: ChannelName,
    local: LocalChannel,
  ): Promise<void> {
    const startedMs = this.#context.nowMs();
    try {
      await ready;
    } catch (error) {
      this.#context.hub.release(local);
      this.#context.events.subscribeFailed(error);
      // No SDK asks again for a channel that failed, but each does so after a reconnect.
      this.close(closeReasons.subscribeTimeout);
      return;
    }
    const waitedMs = this.#context.nowMs() - startedMs;
    this.#confirm(channel, local);
    this.#context.events.subscribeWaited(waitedMs);
  }

  #objection(channel: ChannelName, key: ChannelKey): Refusal | undefined {
    // Nothing is told to the channel's own listeners here: its first subscription is well.
    if (this.#subscriptions.has(key)) return { error: clientErrors.existingSubscription(channel) };
    const { maxChannelsPerConnection: max } = this.#app.limits;
    if (this.#subscriptions.size < max) return undefined;
    return {
      error: clientErrors.tooManyChannels(max),
      failure: { type: 'LimitError', status: 429 },
    };
  }

  /** The confirmation goes out before the socket joins the topic, so nothing of the channel precedes it. */
  #confirm(channel: ChannelName, local: LocalChannel): void {
    const { hub } = this.#context;
    this.#send(subscriptionSucceededFrame(channel));
    if (this.#socket === undefined) {
      hub.release(local);
      return;
    }
    this.#subscriptions.add(local.key);
    this.#socket.subscribe(local.key);
    hub.confirmed(local);
  }

  #unsubscribe(name: string): void {
    const channel = parseChannelName(name);
    const key = channel === undefined ? undefined : channelKey(this.#app.id, channel);
    if (this.#socket === undefined) return;
    if (key === undefined || !this.#subscriptions.delete(key)) {
      this.#tell(clientErrors.noSubscription(shown(name)));
      return;
    }
    this.#socket.unsubscribe(key);
    this.#context.hub.leave(key);
  }

  #clientEvent(frame: Frame<'client-event'>): void {
    if (this.#socket === undefined) return;
    const error = this.#clientEventError(frame);
    if (error !== undefined) {
      this.#context.counters.clientEventsDropped += 1;
      this.#tell(error);
    }
  }

  #clientEventError(frame: Frame<'client-event'>): ClientError | undefined {
    const admission = admitClientEvent(this.#app, frame);
    if (!admission.ok) return admission.error;
    const { channel } = admission;
    const key = channelKey(this.#app.id, channel);
    if (!this.#subscriptions.has(key)) return clientErrors.clientEventNotSubscribed(channel);
    const { maxClientEventsPerSecond: perSecond } = this.#app.limits;
    const nowMs = this.#context.nowMs();
    this.#clientEvents ??= new TokenBucket(perSecond, nowMs);
    if (!this.#clientEvents.take(nowMs)) return clientErrors.clientEventRate(perSecond);
    this.#publish(key, eventFrame(channel, frame.event, frame.data));
    return undefined;
  }

  /** Client events are neither acknowledged nor kept: what the bus cannot take now is counted and dropped. */
  #publish(channel: ChannelKey, frame: string): void {
    const { bus, counters, events, newId } = this.#context;
    counters.clientEvents += 1;
    bus
      .publish([{ channel, frame, except: this.id, id: newId(), recorded: false, once: false }])
      .catch((error: unknown) => {
        counters.clientEventsDropped += 1;
        events.clientEventLost(error);
      });
  }

  #refuse(channel: string, { error, failure }: Refusal): void {
    this.#tell(error);
    if (failure === undefined || !this.#app.subscriptionErrors) return;
    const { type, status } = failure;
    this.#send(subscriptionErrorFrame(shown(channel), type, error.message, status));
  }

  #tell(error: ClientError): void {
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
    const full = waiting.tasks >= WAITING_MAX.tasks || waiting.bytes + bytes > WAITING_MAX.bytes;
    if (full) this.close(closeReasons.overCapacity);
    this.#turnstile.pass(task, bytes);
  }
}
