import { createHash, randomBytes } from 'node:crypto';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Arrivals } from './arrivals.ts';
import {
  closePayload,
  decodeFrame,
  encodeFrame,
  opcodes,
  type WireFrame,
} from './websocket-frame.ts';

/** What a server can do to a socket, in the order in which it did it. */
export type Arrival =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly bytes: number }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong'; readonly payload: string }
  | {
      readonly kind: 'close';
      readonly code: number;
      readonly reason: string;
      readonly bytes: number;
    }
  /** The connection ended without a close frame, or what came is no WebSocket frame. */
  | { readonly kind: 'end'; readonly why: string };

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

export interface HandshakeOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Written together with the handshake's end, so before anything has come. */
  readonly firstText?: string;
  readonly patienceMs: number;
}

/** The server did not take the upgrade; the message says what it answered. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError';
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const HEADER_BYTES_MAX = 65_536;

/** A socket of our own over RFC 6455, because cases send what no client library lets them. */
export class WireSocket {
  readonly arrivals = new Arrivals<Arrival>();
  /** Headers of the server's answer, names in lower case. */
  readonly responseHeaders: ReadonlyMap<string, string>;
  readonly #socket: Socket;
  #bytes: Buffer;
  #parts: Buffer[] = [];
  #partsText = true;
  #over = false;

  constructor(socket: Socket, head: Buffer, responseHeaders: ReadonlyMap<string, string>) {
    this.#socket = socket;
    this.#bytes = head;
    this.responseHeaders = responseHeaders;
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#read();
    });
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#end('the connection ended without a close frame'));
    this.#read();
  }

  sendText(text: string): void {
    this.sendFrame({ fin: true, opcode: opcodes.text, payload: Buffer.from(text) });
  }

  sendFrame(...frames: readonly WireFrame[]): void {
    this.#socket.write(Buffer.concat(frames.map(encodeFrame)));
  }

  /** Several texts in one write, so that they reach the server in one read. */
  sendTexts(texts: readonly string[]): void {
    this.sendFrame(
      ...texts.map((text) => ({ fin: true, opcode: opcodes.text, payload: Buffer.from(text) })),
    );
  }

  close(code = 1000): void {
    this.sendFrame({ fin: true, opcode: opcodes.close, payload: closePayload(code) });
  }

  /** Ends it as a crashed client does. */
  destroy(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  #end(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.arrivals.push({ kind: 'end', why });
  }

  #read(): void {
    while (!this.#over) {
      const decoded = decodeFrame(this.#bytes);
      if (decoded === undefined) return;
      if (typeof decoded === 'string') {
        this.#end(decoded);
        this.#socket.destroy();
        return;
      }
      this.#bytes = decoded.rest;
      this.#take(decoded.frame);
    }
  }

  #take({ fin, opcode, payload }: WireFrame): void {
    switch (opcode) {
      case opcodes.close: {
        const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
        const reason = payload.subarray(2);
        this.arrivals.push({
          kind: 'close',
          code,
          reason: reason.toString(),
          bytes: reason.length,
        });
        this.#over = true;
        this.#socket.end(encodeFrame({ fin: true, opcode: opcodes.close, payload }));
        return;
      }
      case opcodes.ping:
        this.sendFrame({ fin: true, opcode: opcodes.pong, payload });
        this.arrivals.push({ kind: 'ping' });
        return;
      case opcodes.pong:
        this.arrivals.push({ kind: 'pong', payload: payload.toString('latin1') });
        return;
      default:
        if (opcode !== opcodes.continuation) this.#partsText = opcode === opcodes.text;
        this.#parts.push(payload);
        if (fin) this.#finish();
    }
  }

  #finish(): void {
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.arrivals.push(
      this.#partsText
        ? { kind: 'text', text: whole.toString() }
        : { kind: 'binary', bytes: whole.length },
    );
  }
}

/** Opens a WebSocket; rejects with a HandshakeError when the server answers anything but an upgrade. */
export async function openWireSocket(
  { host, port, tls }: Address,
  target: string,
  { headers = {}, firstText, patienceMs }: HandshakeOptions,
): Promise<WireSocket> {
  const nonce = randomBytes(16).toString('base64');
  const socket = tls
    ? connectTls({
        host,
        port,
        rejectUnauthorized: false,
        // An address is no name that a server could be asked for.
        ...(isIP(host) === 0 && { servername: host }),
      })
    : connectTcp(port, host);
  socket.setNoDelay(true);
  const lines = Object.entries({
    Host: `${host}:${port}`,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': nonce,
    'Sec-WebSocket-Version': '13',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`);
  if (firstText !== undefined)
    socket.write(encodeFrame({ fin: true, opcode: opcodes.text, payload: Buffer.from(firstText) }));
  try {
    const { head, rest } = await readHead(socket, patienceMs);
    return new WireSocket(socket, rest, checkHead(head, nonce));
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Up to the empty line behind the headers. */
async function readHead(
  socket: Socket,
  patienceMs: number,
): Promise<{ readonly head: string; readonly rest: Buffer }> {
  let bytes: Buffer = Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(
        () => reject(new HandshakeError('the handshake was not answered in time')),
        patienceMs,
      );
      socket.once('error', reject);
      socket.once('close', () => reject(new HandshakeError('the handshake was cut off')));
      socket.on('data', (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk]);
        const end = bytes.indexOf('\r\n\r\n');
        if (end !== -1)
          resolve({ head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + 4) });
        else if (bytes.length > HEADER_BYTES_MAX)
          reject(new HandshakeError('the answer to the handshake does not end'));
      });
    });
  } finally {
    clearTimeout(timer);
    socket.removeAllListeners();
    // Until the next listener stands nothing may be lost, and an error may not end the process.
    socket.pause().on('error', () => socket.destroy());
    setImmediate(() => socket.resume());
  }
}

function checkHead(head: string, nonce: string): ReadonlyMap<string, string> {
  const [status = '', ...lines] = head.split('\r\n');
  if (!/^HTTP\/1\.1 101\b/.test(status))
    throw new HandshakeError(`the upgrade was answered '${status}'`);
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const accept = createHash('sha1').update(`${nonce}${GUID}`).digest('base64');
  if (headers.get('sec-websocket-accept') !== accept)
    throw new HandshakeError('the upgrade was answered with a wrong Sec-WebSocket-Accept');
  return headers;
}
