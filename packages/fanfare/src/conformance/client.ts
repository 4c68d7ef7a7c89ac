import {
  dataOf,
  ensure,
  fieldsOf,
  isFields,
  parsed,
  same,
  shown,
  textOf,
  unmet,
  type Fields,
} from './expect.ts';
import { channelAuth, userAuth, type Credentials } from './signing.ts';
import type { Arrival, WireSocket } from './websocket.ts';

export interface SubscribeOptions {
  /** The `channel_data` as a backend would sign it; an object is turned into JSON. */
  readonly channelData?: string | Fields;
  /** Sent instead of what a backend would sign. */
  readonly auth?: string;
}

/** What came that no case asked for: noise, unless a case asks for it by its name. */
const NOISE: readonly unknown[] = ['pusher_internal:subscription_count', 'pusher:ping'];

/** A connection without an SDK: it sends what it is told, and hands out every frame that came. */
export class Client {
  readonly wire: WireSocket;
  readonly credentials: Credentials;
  readonly patienceMs: number;
  /** Known once the first frame was read. */
  id = '';
  established: Fields = {};

  constructor(wire: WireSocket, credentials: Credentials, patienceMs: number) {
    this.wire = wire;
    this.credentials = credentials;
    this.patienceMs = patienceMs;
  }

  /** Reads `pusher:connection_established`. */
  async establish(): Promise<this> {
    const frame = await this.next('pusher:connection_established');
    same(frame['event'], 'pusher:connection_established', 'the first frame to be');
    this.established = frame;
    this.id = textOf(dataOf(frame)['socket_id'], 'socket_id');
    return this;
  }

  send(event: string, data?: unknown, more: Fields = {}): void {
    this.wire.sendText(frameText(event, data, more));
  }

  auth(channel: string, channelData?: string): string {
    return channelAuth(this.credentials, this.id, channel, channelData);
  }

  /** `data` of a subscribe as an SDK makes it, signed where the channel's kind wants it. */
  subscription(channel: string, { channelData, auth }: SubscribeOptions = {}): Fields {
    const text = typeof channelData === 'object' ? JSON.stringify(channelData) : channelData;
    const signed = /^(private|presence)-/.test(channel) ? this.auth(channel, text) : '';
    return {
      auth: auth ?? signed,
      ...(text !== undefined && { channel_data: text }),
      channel,
    };
  }

  /** Sends a subscribe and waits for the confirmation, which it returns. */
  async subscribe(channel: string, options: SubscribeOptions = {}): Promise<Fields> {
    this.send('pusher:subscribe', this.subscription(channel, options));
    return this.confirmed(channel);
  }

  async confirmed(channel: string): Promise<Fields> {
    const frame = await this.next(`subscription_succeeded for ${channel}`);
    if (frame['event'] !== 'pusher_internal:subscription_succeeded' || frame['channel'] !== channel)
      unmet(`pusher_internal:subscription_succeeded for ${channel}`, frame);
    return frame;
  }

  /** Joins a presence channel; resolves with the roster that its confirmation carries. */
  async join(channel: string, userId: unknown, userInfo?: unknown): Promise<Fields> {
    const channelData = { user_id: userId, ...(userInfo !== undefined && { user_info: userInfo }) };
    return rosterOf(await this.subscribe(channel, { channelData }));
  }

  signinData(user: string | Fields): Fields {
    const text = typeof user === 'string' ? user : JSON.stringify(user);
    return { auth: userAuth(this.credentials, this.id, text), user_data: text };
  }

  async signin(user: string | Fields): Promise<Fields> {
    this.send('pusher:signin', this.signinData(user));
    const frame = await this.next('pusher:signin_success');
    same(frame['event'], 'pusher:signin_success', 'the answer to pusher:signin to be');
    return frame;
  }

  /** Signs in and subscribes to the user's own channel, as pusher-js does. */
  async signinAndListen(id: string): Promise<string> {
    await this.signin({ id });
    const channel = `#server-to-user-${id}`;
    await this.subscribe(channel);
    return channel;
  }

  /** The next thing of any kind, or a failure that names what was waited for. */
  async arrival(what: string, patienceMs = this.patienceMs): Promise<Arrival> {
    return (
      (await this.wire.arrivals.next(patienceMs)) ??
      unmet(what, `nothing within ${patienceMs / 1000} s`)
    );
  }

  /** The next frame of the protocol, whatever it is, except for noise. */
  async next(what: string, patienceMs = this.patienceMs): Promise<Fields> {
    return this.#next(what, NOISE, patienceMs);
  }

  /** The same where a case is about the noise. */
  async nextOfAny(what: string): Promise<Fields> {
    return this.#next(what, [], this.patienceMs);
  }

  async #next(what: string, noise: readonly unknown[], patienceMs: number): Promise<Fields> {
    for (;;) {
      const arrival = await this.arrival(what, patienceMs);
      if (arrival.kind === 'ping' || arrival.kind === 'pong') continue;
      if (arrival.kind !== 'text') return unmet(what, describe(arrival));
      const frame = fieldsOf(parsed(arrival.text, 'a frame'), 'a frame');
      if (!noise.includes(frame['event'])) return frame;
    }
  }

  /** The next frame has to be exactly this. */
  async expect(wanted: Fields): Promise<void> {
    same(await this.next(shown(wanted)), wanted);
  }

  /** The next frame has to be this event of this channel; resolves with it. */
  async event(event: string, channel: string): Promise<Fields> {
    const frame = await this.next(`${event} on ${channel}`);
    if (frame['event'] !== event || frame['channel'] !== channel)
      unmet(`${event} on ${channel}`, frame);
    return frame;
  }

  /** All that was on its way, noise included: what comes before the answer to a ping. */
  async settleAll(): Promise<readonly Fields[]> {
    this.send('pusher:ping', {});
    const frames: Fields[] = [];
    for (;;) {
      const frame = await this.nextOfAny('pusher:pong');
      if (frame['event'] === 'pusher:pong') return frames;
      frames.push(frame);
    }
  }

  async settle(): Promise<readonly Fields[]> {
    return (await this.settleAll()).filter(({ event }) => !NOISE.includes(event));
  }

  /** Nothing may have come, up to the answer to a ping. */
  async silent(why: string): Promise<void> {
    const frames = await this.settle();
    if (frames.length > 0) unmet(`nothing (${why})`, frames);
  }

  /** An in-band refusal: `pusher:error` with a code that is a number or null, and nothing that confirms. */
  async refused(what: string): Promise<string> {
    const frames = [await this.next(`pusher:error (${what})`), ...(await this.settle())];
    const error = frames.find(({ event }) => event === 'pusher:error');
    if (error === undefined) return unmet(`pusher:error (${what})`, frames);
    const others = frames.filter(
      ({ event }) => event !== 'pusher:error' && event !== 'pusher:subscription_error',
    );
    if (others.length > 0) unmet(`pusher:error and nothing else (${what})`, others);
    return errorOf(error).message;
  }

  /** The server has to end this connection; resolves with how, and with the frames before it. */
  async closed(what: string, patienceMs = this.patienceMs): Promise<Closed> {
    const frames: Fields[] = [];
    for (;;) {
      const arrival = await this.arrival(what, patienceMs);
      if (arrival.kind === 'text')
        frames.push(fieldsOf(parsed(arrival.text, 'a frame'), 'a frame'));
      if (arrival.kind === 'close') return { ...arrival, frames };
      if (arrival.kind === 'end') return unmet(what, arrival.why);
    }
  }
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
  readonly bytes: number;
  readonly frames: readonly Fields[];
}

export interface ServerError {
  readonly code: number | null;
  readonly message: string;
}

/** `pusher:error`: `data` an object with a code, a whole number or null, and a message. */
export function errorOf(frame: Fields): ServerError {
  same(frame['event'], 'pusher:error', 'the event to be');
  const data = frame['data'];
  if (!isFields(data)) return unmet('data of pusher:error to be an object', frame);
  const { code, message } = data;
  if (code !== null && !Number.isInteger(code))
    return unmet('code of pusher:error to be a whole number or null', frame);
  return {
    code: typeof code === 'number' ? code : null,
    message: textOf(message, 'message of pusher:error'),
  };
}

/** A refused or ended connection: the error first, then the close, of one code and text. */
export function closedWith({ code, reason, frames }: Closed, ...codes: readonly number[]): string {
  const last = frames.at(-1);
  if (last === undefined) return unmet('pusher:error before the close', `close ${code} alone`);
  const error = errorOf(last);
  ensure(codes.includes(code), `close code ${codes.join(' or ')}`, `${code} ${reason}`);
  same(error.code, code, 'the code of pusher:error to be that of the close,');
  return error.message;
}

export function rosterOf(frame: Fields): Fields {
  return fieldsOf(dataOf(frame)['presence'], 'presence');
}

export function frameText(event: string, data?: unknown, more: Fields = {}): string {
  return JSON.stringify({ event, ...(data !== undefined && { data }), ...more });
}

function describe(arrival: Arrival): string {
  switch (arrival.kind) {
    case 'close':
      return `a close with ${arrival.code} ${arrival.reason}`;
    case 'end':
      return arrival.why;
    case 'binary':
      return 'a binary frame';
    case 'text':
    case 'ping':
    case 'pong':
      return arrival.kind;
  }
}
