import { randomInt } from 'node:crypto';
import type { WebSocket } from 'ws';
import { hmac } from '../../packages/fanfare/src/conformance/signing.ts';
import type { Model } from './model-server.ts';

export type Frame = Readonly<Record<string, unknown>>;
type Data = Readonly<Record<string, unknown>>;

interface Member {
  readonly id: string;
  readonly info: unknown;
}

interface User {
  readonly id: string;
  readonly user_info?: unknown;
  readonly watchlist?: readonly string[];
}

const WATCHLIST_MAX = 100;

/** One socket of the model. What it refuses it throws as text. */
export class ModelConnection {
  readonly id = `${randomInt(1, 1e9)}.${randomInt(1, 1e9)}`;
  readonly channels = new Map<string, Member | undefined>();
  user: User | undefined;
  readonly #model: Model;
  readonly #socket: WebSocket;

  constructor(model: Model, socket: WebSocket) {
    this.#model = model;
    this.#socket = socket;
  }

  send(frame: Frame): void {
    for (const each of this.#model.tamper(frame)) this.#socket.send(JSON.stringify(each));
  }

  error(message: string, code: number | null = null): void {
    this.send({ event: 'pusher:error', data: { code, message } });
  }

  close(code: number, message: string): void {
    this.error(message, code);
    this.#socket.close(code, message.slice(0, 123));
  }

  receive(text: string): void {
    try {
      const frame = JSON.parse(text) as Frame;
      this.#handle(String(frame['event']), frame);
    } catch (error) {
      this.error(error instanceof Error ? 'Received invalid JSON' : String(error));
    }
  }

  leaveAll(): void {
    for (const channel of this.channels.keys()) this.#leave(channel);
    const { user } = this;
    this.user = undefined;
    if (user !== undefined && this.#model.signedIn(user.id).length === 0)
      this.#tellWatchers(user.id, 'offline');
  }

  #handle(event: string, frame: Frame): void {
    const data = (frame['data'] ?? {}) as Data;
    if (event === 'pusher:ping') return this.send({ event: 'pusher:pong', data: '{}' });
    if (event === 'pusher:pong') return;
    if (event === 'pusher:subscribe') return this.#subscribe(data);
    if (event === 'pusher:unsubscribe') return this.#leave(String(data['channel']));
    if (event === 'pusher:signin') return this.#signin(data);
    if (!event.startsWith('client-')) throw `Unsupported event received on socket: ${event}`;
    const channel = String(frame['channel']);
    const content = frame['data'];
    const member = this.channels.get(channel);
    this.#model.deliver(
      channel,
      {
        event,
        channel,
        data: typeof content === 'string' ? content : JSON.stringify(content),
        ...(member && { user_id: member.id }),
      },
      this.id,
    );
  }

  #verify(auth: unknown, text: string): void {
    const { key, secret } = this.#model.credentials;
    const signature = String(auth).slice(key.length + 1);
    if (String(auth) !== `${key}:${hmac(secret, text)}`)
      throw `Invalid signature: Expected HMAC SHA256 hex digest of ${text}, but got ${signature}`;
  }

  #subscribe({ channel: name, auth, channel_data: channelData }: Data): void {
    const channel = String(name);
    if (this.channels.has(channel)) throw `Existing subscription to channel ${channel}`;
    if (channel.startsWith('#') && channel !== `#server-to-user-${this.user?.id}`)
      throw `Auth info required to subscribe to ${channel}`;
    if (/^(private|presence)-/.test(channel)) {
      if (typeof auth !== 'string' || auth === '')
        throw `Auth info required to subscribe to ${channel}`;
      const end = typeof channelData === 'string' ? `:${channelData}` : '';
      this.#verify(auth, `${this.id}:${channel}${end}`);
    }
    const member = channel.startsWith('presence-') ? this.#member(channelData) : undefined;
    const isNew =
      member !== undefined && !this.#model.members(channel).some(({ id }) => id === member.id);
    this.channels.set(channel, member);
    this.#confirm(channel, member);
    if (isNew) {
      const data = JSON.stringify({ user_id: member.id, user_info: member.info });
      const added = { event: 'pusher_internal:member_added', channel, data };
      this.#model.deliver(channel, added, this.id);
    }
    if (this.#model.isCache(channel)) {
      const kept = this.#model.kept(channel);
      this.send(kept ?? { event: 'pusher:cache_miss', channel, data: '{}' });
    }
    this.#model.count(channel);
  }

  #confirm(channel: string, member: Member | undefined): void {
    const event = 'pusher_internal:subscription_succeeded';
    if (member === undefined) return this.send({ event, data: '{}', channel });
    const members = this.#model.members(channel);
    const presence = {
      count: members.length,
      ids: members.map(({ id }) => id),
      hash: Object.fromEntries(members.map(({ id, info }) => [id, info])),
    };
    this.send({ event, data: JSON.stringify({ presence }), channel });
  }

  #member(channelData: unknown): Member {
    if (channelData === undefined && this.user !== undefined)
      return { id: this.user.id, info: this.user.user_info ?? {} };
    const { user_id: id, user_info: info } = JSON.parse(String(channelData)) as Data;
    return { id: String(id), info: info ?? {} };
  }

  #leave(channel: string): void {
    const member = this.channels.get(channel);
    if (!this.channels.delete(channel)) return;
    if (member !== undefined && !this.#model.members(channel).some(({ id }) => id === member.id)) {
      const data = JSON.stringify({ user_id: member.id });
      this.#model.deliver(channel, { event: 'pusher_internal:member_removed', channel, data });
    }
    this.#model.count(channel);
  }

  #signin({ auth, user_data: userData }: Data): void {
    if (typeof auth !== 'string' || typeof userData !== 'string')
      throw 'Missing parameter: data.user_data';
    this.#verify(auth, `${this.id}::user::${userData}`);
    const user = JSON.parse(userData) as User;
    if (typeof user.id !== 'string' || user.id === '') throw 'Invalid id in user_data';
    if (this.user !== undefined && this.user.id !== user.id) throw 'Already signed in';
    const isFirst = this.#model.signedIn(user.id).length === 0;
    this.user = { ...user, watchlist: (user.watchlist ?? []).slice(0, WATCHLIST_MAX) };
    const data = JSON.stringify({ user_data: userData });
    this.send({ event: 'pusher:signin_success', data });
    if ((user.watchlist ?? []).length > WATCHLIST_MAX)
      this.error('Watchlist limit exceeded. Only the first 100 user IDs are accepted.', 4302);
    this.#tellWatchlist();
    if (isFirst) this.#tellWatchers(user.id, 'online');
  }

  #tellWatchlist(): void {
    const ids = this.user?.watchlist ?? [];
    const online = ids.filter((id) => this.#model.signedIn(id).length > 0);
    const offline = ids.filter((id) => !online.includes(id));
    const events = [
      { name: 'offline', user_ids: offline },
      { name: 'online', user_ids: online },
    ].filter(({ user_ids: list }) => list.length > 0);
    if (events.length > 0) this.#sendWatchlist(events);
  }

  #tellWatchers(id: string, name: 'online' | 'offline'): void {
    for (const connection of this.#model.connections)
      if (connection.user?.watchlist?.includes(id) === true)
        connection.#sendWatchlist([{ name, user_ids: [id] }]);
  }

  #sendWatchlist(events: readonly unknown[]): void {
    const event = 'pusher_internal:watchlist_events';
    this.send({ event, data: JSON.stringify({ events }) });
  }
}
