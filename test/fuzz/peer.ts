import { connect, type Socket } from 'node:net';
import { within } from '../support/inbox.ts';

const PONG = '{"event":"pusher:pong","data":"{}"}';
const UTF8 = new TextDecoder('utf-8', { fatal: true });

export interface PeerEvents {
  onFrame(text: string): void;
  /** The server broke the protocol of WebSockets. */
  onBroken(what: string): void;
}

/** A WebSocket client that has control over every byte, and hears every frame. */
export class Peer {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  readonly #events: PeerEvents;
  /** Empty until the connection is established, and for good where it was refused. */
  id = '';
  /** The code of the server's close frame. */
  closeCode: number | undefined;
  /** What was written was no frame, so that the server may wait for the rest of it. */
  isRuined = false;
  /** It answers no PING. */
  isMute = false;
  #buffer: Buffer = Buffer.alloc(0);
  #upgraded = false;
  #waiting:
    | { readonly isMeant: (text: string) => boolean; readonly resolve: () => void }
    | undefined;

  private constructor(port: number, events: PeerEvents) {
    this.#events = events;
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    // Whoever breaks the protocol on purpose is reset now and then.
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#waiting?.resolve();
        resolve();
      });
    });
    // The server has said its last word; what is left is to say nothing more, either.
    this.socket.on('end', () => this.socket.destroy());
  }

  /** Resolves when the first frame is here, whatever it says. */
  static async open(port: number, path: string, events: PeerEvents): Promise<Peer> {
    const peer = new Peer(port, events);
    peer.socket.write(
      [
        `GET ${path} HTTP/1.1`,
        'Host: 127.0.0.1',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13',
        '\r\n',
      ].join('\r\n'),
    );
    await peer.#next(() => true, 'was not greeted');
    return peer;
  }

  get isOpen(): boolean {
    return !this.socket.destroyed && this.socket.writable;
  }

  /** Resolves with the frame that is meant, or when the connection is over. */
  async #next(isMeant: (text: string) => boolean, otherwise: string): Promise<void> {
    if (this.socket.destroyed) return;
    const frame = new Promise<void>((resolve) => {
      this.#waiting = { isMeant, resolve };
    });
    await within(frame, `a socket ${otherwise}`);
  }

  /** Resolves when the server has read everything, or has had enough. */
  async heard(): Promise<void> {
    if (!this.isOpen || this.isRuined || this.socket.isPaused()) return;
    this.write(frameOf('{"event":"pusher:ping"}'));
    await this.#next((text) => text === PONG, 'was not answered any more');
  }

  write(bytes: Uint8Array): void {
    if (this.isOpen) this.socket.write(bytes);
  }

  async destroy(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  async reset(): Promise<void> {
    this.socket.resetAndDestroy();
    await this.closed;
  }

  /** Says that nothing more will come, and waits for the server to say so too. */
  async halfClose(): Promise<void> {
    if (this.socket.isPaused()) this.socket.resume();
    if (this.isOpen) this.socket.end();
    await within(this.closed, 'a half-open socket was not closed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }

  #read(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    if (!this.#upgraded) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      if (end === -1) return;
      if (!this.#buffer.toString('latin1', 0, end).startsWith('HTTP/1.1 101 '))
        this.#events.onBroken('an upgrade was refused');
      this.#upgraded = true;
      this.#buffer = this.#buffer.subarray(end + 4);
    }
    for (let frame = parse(this.#buffer); frame !== undefined; frame = parse(this.#buffer)) {
      this.#buffer = this.#buffer.subarray(frame.bytes);
      this.#onFrame(frame);
    }
  }

  #onFrame({ first, payload }: ServerFrame): void {
    const opcode = first & 0x0f;
    if ((first & 0xf0) !== 0x80) this.#events.onBroken(`a frame that begins with ${first}`);
    if (opcode === OPCODES.close && payload.length >= 2) this.closeCode = payload.readUInt16BE(0);
    if (opcode === OPCODES.ping && !this.isMute && !this.isRuined)
      this.write(frameOf(payload, { opcode: OPCODES.pong }));
    if (opcode === OPCODES.close || opcode === OPCODES.ping || opcode === OPCODES.pong) return;
    if (opcode !== OPCODES.text) this.#events.onBroken(`a frame of kind ${opcode}`);
    let text: string;
    try {
      text = UTF8.decode(payload);
    } catch {
      this.#events.onBroken(`a text that is no UTF-8: ${payload.toString('latin1')}`);
      return;
    }
    if (this.id === '') this.id = /"socket_id\\":\\"([\d.]+)/.exec(text)?.[1] ?? '';
    this.#events.onFrame(text);
    if (this.#waiting?.isMeant(text) !== true) return;
    this.#waiting.resolve();
    this.#waiting = undefined;
  }
}

interface ServerFrame {
  readonly first: number;
  readonly payload: Buffer;
  readonly bytes: number;
}

/** The first whole frame in what came; servers do not mask. */
function parse(buffer: Buffer): ServerFrame | undefined {
  if (buffer.length < 2) return undefined;
  const short = buffer.readUInt8(1) & 0x7f;
  const start = { 126: 4, 127: 10 }[short] ?? 2;
  if (buffer.length < start) return undefined;
  const long = (): number =>
    short === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
  const bytes = start + (short < 126 ? short : long());
  if (buffer.length < bytes) return undefined;
  return { first: buffer.readUInt8(0), payload: buffer.subarray(start, bytes), bytes };
}

export const OPCODES = {
  more: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

export interface FrameOptions {
  readonly opcode?: number;
  readonly final?: boolean;
  /** Four bytes; all zeros, which masks nothing, unless given. */
  readonly mask?: Buffer;
}

/** One frame of a client. */
export function frameOf(
  payload: string | Uint8Array,
  { opcode = OPCODES.text, final = true, mask = Buffer.alloc(4) }: FrameOptions = {},
): Buffer {
  const body = Buffer.from(payload);
  const first = (final ? 0x80 : 0) | opcode;
  const masked = body.map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  if (body.length < 126)
    return Buffer.concat([Buffer.from([first, 0x80 | body.length]), mask, masked]);
  const isLong = body.length > 0xffff;
  const header = Buffer.alloc(isLong ? 10 : 4);
  header.writeUInt8(first, 0);
  header.writeUInt8(0x80 | (isLong ? 127 : 126), 1);
  if (isLong) header.writeBigUInt64BE(BigInt(body.length), 2);
  else header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, mask, masked]);
}
