import { errorFrame, limits, type CloseReason } from '@fanfare/protocol';
import { closeText } from './socket.ts';

/** The part of a socket that a farewell needs. */
export interface LeavingSocket {
  getBufferedAmount(): number;
  getTopics(): readonly string[];
  unsubscribe(topic: string): boolean;
  send(frame: string): number;
  end(code: number, reason: string): void;
  close(): void;
}

export interface FarewellLimits {
  /** How long a socket may take to read what stands before its close frame. */
  readonly farewellMs: number;
  /** Sockets that may do so at one time; each holds a full buffer. */
  readonly farewellsMax: number;
}

export const farewellLimits: FarewellLimits = { farewellMs: 10_000, farewellsMax: 256 };

/**
 * Ends sockets whose buffer is full. A close frame can only stand behind what was sent before, and
 * a full buffer does not even take it; so such a socket gets nothing new any more and is told why
 * as soon as it has read what it had left. One that does not read is cut when its time is over.
 */
export class Farewells {
  readonly #limits: FarewellLimits;
  readonly #leaving = new Map<LeavingSocket, { reason: CloseReason; deadline: NodeJS.Timeout }>();

  constructor(bounds: FarewellLimits) {
    this.#limits = bounds;
  }

  /** Nobody else may use the socket from now on. */
  begin(socket: LeavingSocket, reason: CloseReason): void {
    for (const topic of socket.getTopics()) socket.unsubscribe(topic);
    if (this.#leaving.size >= this.#limits.farewellsMax) {
      socket.close();
      return;
    }
    const deadline = setTimeout(() => socket.close(), this.#limits.farewellMs);
    this.#leaving.set(socket, { reason, deadline });
    this.onDrain(socket);
  }

  /** It has read something. */
  onDrain(socket: LeavingSocket): void {
    const leaving = this.#leaving.get(socket);
    if (leaving === undefined || socket.getBufferedAmount() > 0) return;
    const { reason } = leaving;
    this.onClose(socket);
    socket.send(errorFrame(reason));
    socket.end(reason.code, closeText(reason, limits.closeReasonBytes));
  }

  onClose(socket: LeavingSocket): void {
    const leaving = this.#leaving.get(socket);
    if (leaving === undefined) return;
    clearTimeout(leaving.deadline);
    this.#leaving.delete(socket);
  }
}
