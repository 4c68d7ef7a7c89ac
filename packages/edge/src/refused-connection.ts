import { errorFrame, limits, type CloseReason } from '@fanfare/protocol';
import { closeText, type ClientSocket, type SocketHandler } from './socket.ts';

/** A socket that was let in only to be told why it may not stay: browsers cannot read a refused upgrade. */
export class RefusedConnection implements SocketHandler {
  readonly #reason: CloseReason;

  constructor(reason: CloseReason) {
    this.#reason = reason;
  }

  onOpen(socket: ClientSocket): void {
    socket.send(errorFrame(this.#reason));
    socket.end(this.#reason.code, closeText(this.#reason, limits.closeReasonBytes));
  }

  onText(): void {}

  onBinary(): void {}

  onSign(): void {}

  onSlow(): CloseReason {
    return this.#reason;
  }

  onDropped(): void {}

  onDrain(): void {}

  onClose(): void {}
}
