import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket, type ClientOptions, type RawData } from 'ws';
import { Inbox, within } from './inbox.ts';

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A frame as a test reads it. */
export interface Frame {
  readonly event: string;
  readonly channel?: string;
  readonly data?: unknown;
}

/** A WebSocket client that keeps every text it gets until the test asks for it. */
export class Client implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly closed: Promise<Closed>;
  readonly inbox = new Inbox<string>('frame');
  /** Known once the connection is established. */
  id = '';

  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on('message', (data) => this.inbox.push(textOf(data)));
    // What went wrong is seen in the close that follows.
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.inbox.end(`the socket closed with ${code} '${String(reason)}'`);
        resolve({ code, reason: String(reason) });
      });
    });
  }

  /** The connection's first frame, which tells the socket id. */
  async established(): Promise<Frame> {
    const frame = await this.nextFrame();
    assert.equal(frame.event, 'pusher:connection_established');
    this.id = String((JSON.parse(String(frame.data)) as { socket_id: unknown }).socket_id);
    return frame;
  }

  async next(): Promise<string> {
    return this.inbox.next();
  }

  async nextFrame(): Promise<Frame> {
    return JSON.parse(await this.next()) as Frame;
  }

  /** The message of the `pusher:error` that has to come next; its code is null where none is named. */
  async nextError(code: number | null = null): Promise<string> {
    const { event, data } = await this.nextFrame();
    const { code: given, message } = data as { code: number | null; message: string };
    assert.deepEqual({ event, code: given }, { event: 'pusher:error', code });
    return message;
  }

  /** What the channel's own listeners are told of a subscription that failed. */
  async nextSubscriptionError(
    type: string,
    error: string,
    status: number,
    channel?: string,
  ): Promise<void> {
    const { event, channel: on, data } = await this.nextFrame();
    assert.equal(event, 'pusher:subscription_error');
    if (channel !== undefined) assert.equal(on, channel);
    assert.equal(typeof data, 'string');
    assert.deepEqual(JSON.parse(String(data)), { type, error, status });
  }

  /** The same, when only whose it is matters. */
  async nextSubscriptionErrorOf(channel: string): Promise<void> {
    const { event, channel: on } = await this.nextFrame();
    assert.deepEqual([event, on], ['pusher:subscription_error', channel]);
  }

  send(text: string): void {
    this.socket.send(text);
  }

  sendFrame(frame: object): void {
    this.send(JSON.stringify(frame));
  }

  subscribe(channel: string, extra: object = {}): void {
    this.sendFrame({ event: 'pusher:subscribe', data: { channel, ...extra } });
  }

  unsubscribe(channel: string): void {
    this.sendFrame({ event: 'pusher:unsubscribe', data: { channel } });
  }

  /** Subscribes and takes the confirmation. */
  async join(channel: string, extra: object = {}): Promise<void> {
    this.subscribe(channel, extra);
    assert.equal(await this.next(), succeeded(channel));
  }

  /** Proves that nothing else was on its way: the pong is the next frame. */
  async nothingBefore(sentence: string): Promise<void> {
    this.send('{"event":"pusher:ping"}');
    assert.equal(await this.next(), PONG, sentence);
  }

  /** Resolves when the edge has read everything sent so far; a PING is answered without a turn. */
  async allRead(): Promise<void> {
    const answered = once(this.socket, 'pong');
    this.socket.ping();
    await within(answered, 'waited for a PONG that did not come');
  }

  async closedWith(): Promise<Closed> {
    return within(this.closed, 'waited for a close that did not come');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    this.socket.terminate();
    await this.closed;
  }
}

/** A message comes as one buffer unless the client was told otherwise. */
export function textOf(data: RawData): string {
  return Buffer.isBuffer(data) ? data.toString() : '';
}

export const PONG = '{"event":"pusher:pong","data":"{}"}';

export function succeeded(channel: string): string {
  return `{"event":"pusher_internal:subscription_succeeded","data":"{}","channel":${JSON.stringify(channel)}}`;
}

/** A client that has control over every byte and reads only when told to. */
export class RawClient implements AsyncDisposable {
  readonly socket: Socket;
  #text = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    // Whoever breaks the protocol on purpose is reset now and then.
    socket.on('error', () => {});
  }

  /** Resolves after the upgrade, with reading paused. */
  static async open(port: number, path: string): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1');
    const client = new RawClient(socket);
    await once(socket, 'connect');
    socket.write(
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
    const [head] = (await within(once(socket, 'data'), 'waited for the upgrade')) as [Buffer];
    socket.pause();
    client.#text = head.toString('latin1', head.indexOf('\r\n\r\n') + 4);
    return client;
  }

  /** Everything up to this text, frame headers included. Reads only while it waits. */
  async textUntil(end: string): Promise<string> {
    const read: string[] = [];
    let tail = '';
    const arrived = new Promise<void>((resolve) => {
      const look = (text: string): void => {
        read.push(text);
        const found = (tail + text).includes(end);
        // All of it would be copied again for each chunk, and it may be many megabytes.
        tail = (tail + text).slice(-end.length);
        if (!found) return;
        this.socket.off('data', onData).pause();
        resolve();
      };
      const onData = (data: Buffer): void => look(data.toString('latin1'));
      this.socket.on('data', onData).resume();
      look(this.#text);
    });
    await within(arrived, `waited for ${end}`);
    const text = read.join('');
    const to = text.indexOf(end) + end.length;
    this.#text = text.slice(to);
    return text.slice(0, to);
  }

  write(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.socket, 'close');
    if (this.socket.closed) return;
    this.socket.destroy();
    await closed;
  }
}

export const OPCODES = { more: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9 } as const;

/** A client's WebSocket frame; the mask is all zeros, which masks nothing and is allowed. */
export function wsFrame(
  payload: string | Uint8Array,
  opcode: number = OPCODES.text,
  final = true,
): Buffer {
  const body = Buffer.from(payload);
  const first = (final ? 0x80 : 0) | opcode;
  const header = ((): number[] => {
    if (body.length < 126) return [first, 0x80 | body.length];
    if (body.length < 65_536) return [first, 0x80 | 126, body.length >> 8, body.length & 255];
    return [first, 0x80 | 127, 0, 0, 0, 0, ...bigEndian(body.length)];
  })();
  return Buffer.concat([Buffer.from([...header, 0, 0, 0, 0]), body]);
}

function bigEndian(value: number): readonly number[] {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
}
