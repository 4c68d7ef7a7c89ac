import type { ChannelKey, CloseReason } from '@fanfare/protocol';
import type { SlowSocket } from './latest.ts';

/**
 * The transport of one connection: the part of uWebSockets.js' own WebSocket that we use, so that
 * no wrapper stands between. None of it may be called after the socket has closed.
 */
export interface ClientSocket {
  send(frame: string): number;
  ping(): number;
  /** Sends a close frame with what was sent before it. */
  end(code: number, reason: string): void;
  /** Ends without a word. */
  close(): void;
  subscribe(topic: ChannelKey): boolean;
  unsubscribe(topic: ChannelKey): boolean;
  /** To every other socket of the topic. */
  publish(topic: ChannelKey, frame: Uint8Array): boolean;
}

/** What a socket's owner hears of it. */
export interface SocketHandler {
  onOpen(socket: ClientSocket): void;
  /** `bytes` is the text's length in UTF-8. */
  onText(text: string, bytes: number): void;
  onBinary(): void;
  /** A PING or PONG came in. */
  onSign(): void;
  /**
   * A frame was thrown away, for its buffer is full. This is in the middle of a send, where nothing
   * may be done; `onSlow` is called in a turn of its own, and again whenever `ask` is.
   */
  onDropped(socket: SlowSocket, message: ArrayBuffer, ask: () => void): void;
  /**
   * The socket is taken from its owner, who hears no more of it, and closed for the reason that is
   * returned; undefined when it stays or is closed already.
   */
  onSlow(): CloseReason | undefined;
  /** It has read something of what stood in its buffer. */
  onDrain(): void;
  onClose(): void;
}

/** Of a socket that its owner has no more. */
export const goneHandler: SocketHandler = {
  onOpen() {},
  onText() {},
  onBinary() {},
  onSign() {},
  onDropped() {},
  onSlow: () => undefined,
  onDrain() {},
  onClose() {},
};

/** An upgrade request, before anything is known of who asks. */
export interface Upgrade {
  readonly path: string;
  readonly protocol: string | undefined;
  /** Of the page that asks; empty or undefined when it is none. */
  readonly origin: string | undefined;
  /** Why the listener would not have it, whoever asks. */
  readonly objection: CloseReason | undefined;
}

export type Accept = (upgrade: Upgrade) => SocketHandler;

export interface SocketListener extends AsyncDisposable {
  readonly port: number;
  /** One native publish: to every socket that subscribed to the topic. */
  publish(topic: ChannelKey, frame: Uint8Array): void;
  /** Stops accepting; sockets already open stay open. */
  stopListening(): void;
}

/** The reason of a close frame, cut to what a close frame can carry without splitting a character. */
export function closeText(reason: CloseReason, maxBytes: number): string {
  if (Buffer.byteLength(reason.message) <= maxBytes) return reason.message;
  let text = '';
  for (const character of reason.message) {
    if (Buffer.byteLength(text) + Buffer.byteLength(character) > maxBytes) break;
    text += character;
  }
  return text;
}
