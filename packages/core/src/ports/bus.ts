import type { ChannelKey, SocketId } from '@fanfare/protocol';
import type { Place } from '../envelope.ts';
import type { EventCache } from './event-cache.ts';

/** A finished Pusher frame on its way to every subscriber of one channel. */
export interface BusMessage {
  readonly channel: ChannelKey;
  /** Encoded once by the publisher; every edge writes these bytes as they are. */
  readonly frame: string;
  /** The socket that caused the event and must not hear it back. */
  readonly except: SocketId | null;
  /** 1–64 characters of `A-Za-z0-9_.-`; what makes a repeated publish recognisable. */
  readonly id: string;
  /**
   * Counted and kept in the channel's short history, so that a gap can be found and repaired.
   * Client events are not: they may be lost, and would push out what may not. A recorded message
   * of a cache channel becomes the one that the channel keeps.
   */
  readonly recorded: boolean;
  /** The id came from the caller: the same id on the same channel is published once in two minutes. */
  readonly once: boolean;
  /** For the edges that hold the channel and not for their sockets: `frame` is what they are told. */
  readonly control?: boolean;
}

/** What an API node needs of the bus. */
export interface Publisher {
  /**
   * Resolves when the bus has taken all messages; those of one channel keep their order. Delivery
   * is at most once. Rejects with `Failure('unavailable')` at once when the bus is away, and then
   * some of the messages may have been taken: repeating them with the same ids is harmless.
   */
  publish(messages: readonly BusMessage[]): Promise<void>;
  /** False while a link is down: publishes fail then, or what they carry does not arrive here. */
  readonly up: boolean;
}

/** What an edge needs. A process has at most one subscription to a channel, whoever asked for it. */
export interface Bus extends Publisher, EventCache, AsyncDisposable {
  /**
   * When this resolves, every later publish to the channel, by any process, reaches this one.
   * Rejects with `Failure('unavailable')` when that could not be had in time.
   */
  subscribe(channel: ChannelKey): Promise<void>;
  /** From now on nothing of the channel is handed out; the link itself may linger. */
  unsubscribe(channel: ChannelKey): void;
}

export interface BusEvents {
  /**
   * `frame` is a view into a buffer that is reused: consume it before returning. Called for all
   * messages of one read in one turn of the event loop.
   */
  onMessage(channel: ChannelKey, frame: Uint8Array, except: SocketId | null, place: Place): void;
  /** A message for this process itself, of a channel that is subscribed. */
  onControl?(channel: ChannelKey, text: string): void;
  /** The link broke or came back with every subscription live again; messages in between may be lost. */
  onUp(up: boolean): void;
}
