import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/**
 * A WebSocket client that does as little as possible, so that the server and not its load
 * generator is what a benchmark measures: text frames only, masks of zeros, no buffers kept
 * beyond a frame that is still incomplete.
 */
export interface RawClient {
  send(text: string): void;
  close(): void;
  readonly closed: Promise<void>;
}

/** `onFrame` sees the payload of each text frame; the view is valid during the call only. */
export async function openRawClient(
  url: URL,
  onFrame: (payload: Buffer) => void,
): Promise<RawClient> {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const reader = new FrameReader(onFrame, () => socket.write(PONG));
  await upgrade(socket, url, reader);
  socket.on('error', () => socket.destroy());
  return {
    send: (text) => {
      socket.write(encodeTextFrame(text));
    },
    close: () => socket.destroy(),
    closed,
  };
}

async function upgrade(socket: Socket, url: URL, reader: FrameReader): Promise<void> {
  const key = randomBytes(16).toString('base64');
  socket.write(
    `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  await new Promise<void>((resolve, reject) => {
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      socket.off('data', onData);
      socket.on('data', (data: Buffer) => reader.push(data));
      reader.push(head.subarray(end + 4));
      resolve();
    };
    socket.on('data', onData);
    socket.once('error', reject);
  });
}

function encodeTextFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const { length } = payload;
  const header =
    length < 126
      ? Buffer.from([0x81, 0x80 | length, 0, 0, 0, 0])
      : Buffer.from([0x81, 0x80 | 126, length >> 8, length & 255, 0, 0, 0, 0]);
  return Buffer.concat([header, payload]);
}

/** An empty masked PONG: whoever answers no PING is taken for dead after a minute. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

/** Cuts a stream into unmasked, unfragmented frames, which is all that our servers send. */
class FrameReader {
  readonly #onFrame: (payload: Buffer) => void;
  readonly #onPing: () => void;
  #rest: Buffer | undefined;

  constructor(onFrame: (payload: Buffer) => void, onPing: () => void) {
    this.#onFrame = onFrame;
    this.#onPing = onPing;
  }

  push(chunk: Buffer): void {
    let bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    for (;;) {
      const frame = frameIn(bytes);
      if (frame === undefined) break;
      if (frame.opcode === 1) this.#onFrame(bytes.subarray(frame.start, frame.end));
      else if (frame.opcode === 9) this.#onPing();
      bytes = bytes.subarray(frame.end);
    }
    if (bytes.length > 0) this.#rest = bytes;
  }
}

function frameIn(
  bytes: Buffer,
): { readonly opcode: number; readonly start: number; readonly end: number } | undefined {
  if (bytes.length < 2) return undefined;
  const opcode = bytes.readUInt8(0) & 15;
  const short = bytes.readUInt8(1) & 127;
  if (short === 127) throw new Error('a frame of 64 KiB or more; no server of ours sends one');
  const start = short === 126 ? 4 : 2;
  if (bytes.length < start) return undefined;
  const end = start + (short === 126 ? bytes.readUInt16BE(2) : short);
  return bytes.length < end ? undefined : { opcode, start, end };
}
