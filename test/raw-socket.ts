import { WebSocket } from 'ws';
import { PATIENCE_MS } from './sdk.ts';
import { Inbox } from './support/inbox.ts';
import { within } from './support/deadline.ts';

/** A frame from the server; `data` as it stands on the wire. */
export interface Frame {
  readonly event: string;
  readonly channel?: string;
  readonly data: unknown;
}

export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** A client without an SDK, for what an SDK hides: single frames, close codes, not reading. */
export interface RawSocket extends AsyncDisposable {
  readonly id: string;
  /** All frames after `pusher:connection_established`. */
  readonly frames: Inbox<Frame>;
  readonly closed: Promise<Closing>;
  readonly transport: WebSocket;
  send(event: string, data: unknown, channel?: string): void;
  /** Subscribes and waits for the confirmation; nothing else may arrive in between. */
  subscribe(channel: string, auth?: string): Promise<void>;
  /** Resolves with what arrived before the answer to a ping, so all that was on its way. */
  untilPong(): Promise<readonly Frame[]>;
}

export async function openRawSocket(url: string): Promise<RawSocket> {
  const transport = new WebSocket(url, { perMessageDeflate: false });
  const frames = new Inbox<Frame>(`frames from ${url}`);
  transport.on('message', (bytes: Buffer) => frames.push(JSON.parse(bytes.toString()) as Frame));
  const closed = new Promise<Closing>((resolve) => {
    transport.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  const failed = new Promise<never>((_, reject) => {
    transport.on('error', (cause) => reject(new Error(`${url} failed`, { cause })));
  });
  // Once the socket is open its failure shows in `closed`.
  failed.catch(() => {});
  const { event, data } = await Promise.race([frames.next(), failed]);
  if (event !== 'pusher:connection_established')
    throw new Error(`${url} greeted with ${event}: ${JSON.stringify(data)}`);
  const send: RawSocket['send'] = (name, content, channel) =>
    transport.send(JSON.stringify({ event: name, data: content, channel }));
  return {
    id: (JSON.parse(String(data)) as { readonly socket_id: string }).socket_id,
    frames,
    closed,
    transport,
    send,
    async subscribe(channel, auth = '') {
      send('pusher:subscribe', { channel, auth });
      const answer = await frames.next();
      if (answer.event !== 'pusher_internal:subscription_succeeded')
        throw new Error(`subscribe to ${channel} was answered ${JSON.stringify(answer)}`);
    },
    async untilPong() {
      send('pusher:ping', {});
      const taken = await frames.takeUntil((frame) => frame.event === 'pusher:pong');
      return taken.slice(0, -1);
    },
    async [Symbol.asyncDispose]() {
      transport.terminate();
      await within(closed, PATIENCE_MS, () => `${url} did not close`);
    },
  };
}
