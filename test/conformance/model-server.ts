import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import {
  hmac,
  md5,
  requestText,
  type Credentials,
} from '../../packages/fanfare/src/conformance/signing.ts';
import { ModelConnection, type Frame } from './model-connection.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

/** What is wrong with a server: each frame and each answer passes through here on its way out. */
export interface Flaws {
  /** Instead of a frame: one, several or none. */
  readonly frame?: (frame: Frame) => Frame | readonly Frame[];
  readonly answer?: (answer: Answer, request: string) => Answer;
  readonly greeting?: (frame: Frame) => Frame;
}

/**
 * A Pusher server of one process and no ambition, there to be wrong on purpose: it proves that a rule
 * is asked for and, unharmed, that the rules of features which Fanfare has yet to get can be kept.
 */
export interface Model extends AsyncDisposable {
  readonly port: number;
  readonly credentials: Credentials;
  readonly connections: ReadonlySet<ModelConnection>;
  tamper(frame: Frame): readonly Frame[];
  deliver(channel: string, frame: Frame, except?: string): void;
  members(channel: string): readonly { readonly id: string; readonly info: unknown }[];
  signedIn(user: string): readonly ModelConnection[];
  isCache(channel: string): boolean;
  kept(channel: string): Frame | undefined;
  /** Tells the subscribers of a channel how many they are, where that is on. */
  count(channel: string): void;
}

const CACHE = /^(private-encrypted-|private-|presence-)?cache-/;

interface Event {
  readonly name?: unknown;
  readonly data?: unknown;
  readonly channel?: string;
  readonly channels?: readonly string[];
  readonly socket_id?: string | null;
  readonly info?: string;
}

function ok(value: unknown): Answer {
  return { status: 200, body: JSON.stringify(value) };
}

export async function startModel(
  credentials: Credentials,
  flaws: Flaws = {},
  options: { readonly subscriptionCount?: boolean } = {},
): Promise<Model> {
  const connections = new Set<ModelConnection>();
  const cache = new Map<string, Frame>();
  const on = (channel: string): readonly ModelConnection[] =>
    [...connections].filter(({ channels }) => channels.has(channel));
  const server = createServer((request, response) => {
    void (async () => {
      const answer = await answerTo(request);
      const type = answer.type ?? (answer.status === 200 ? 'application/json' : 'text/plain');
      response.writeHead(answer.status, { 'content-type': type }).end(answer.body);
    })();
  });
  const sockets = new WebSocketServer({ server });
  const model: Model = {
    get port() {
      return (server.address() as AddressInfo).port;
    },
    credentials,
    connections,
    tamper: (frame) => [flaws.frame?.(frame) ?? frame].flat(),
    deliver(channel, frame, except) {
      const isUser = channel.startsWith('#server-to-user-');
      for (const connection of on(channel))
        if (connection.id !== except || (isUser && except === undefined)) connection.send(frame);
    },
    members(channel) {
      const found = on(channel).flatMap(({ channels }) => channels.get(channel) ?? []);
      return found.filter(({ id }, at) => found.findIndex((each) => each.id === id) === at);
    },
    signedIn: (user) => [...connections].filter((connection) => connection.user?.id === user),
    isCache: (channel) => CACHE.test(channel),
    kept: (channel) => cache.get(channel),
    count(channel) {
      if (options.subscriptionCount !== true || /^(presence|private-encrypted)-/.test(channel))
        return;
      const data = JSON.stringify({ subscription_count: on(channel).length });
      // Above a hundred a real server spaces them out; the model is silent there.
      if (on(channel).length > 100) return;
      model.deliver(channel, { event: 'pusher_internal:subscription_count', channel, data });
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };

  const publish = ({ name, data, socket_id: except, ...where }: Event): void => {
    for (const channel of new Set(where.channels ?? [where.channel ?? ''])) {
      const frame = { event: String(name), channel, data: String(data) };
      if (CACHE.test(channel)) cache.set(channel, frame);
      model.deliver(channel, frame, except ?? undefined);
    }
  };
  const countsOf = (channel: string, info: string): Frame => ({
    ...(info.includes('user_count') &&
      channel.startsWith('presence-') && { user_count: model.members(channel).length }),
    ...(info.includes('subscription_count') && { subscription_count: on(channel).length }),
  });
  const route = (path: string, query: URLSearchParams, body: string): Answer => {
    const info = query.get('info') ?? '';
    if (path.endsWith('/events')) {
      const event = JSON.parse(body) as Event;
      if (typeof event.data === 'string' && Buffer.byteLength(event.data) > 10_240)
        return { status: 413, body: 'too large\n' };
      publish(event);
      if (event.info === undefined) return ok({});
      const asked = event.channels ?? [event.channel ?? ''];
      return ok({
        channels: Object.fromEntries(asked.map((each) => [each, countsOf(each, event.info ?? '')])),
      });
    }
    if (path.endsWith('/batch_events')) {
      const { batch } = JSON.parse(body) as { readonly batch: readonly Event[] };
      batch.forEach(publish);
      if (batch.every((event) => event.info === undefined)) return ok({});
      return ok({ batch: batch.map((each) => countsOf(each.channel ?? '', each.info ?? '')) });
    }
    const terminated = /\/users\/([^/]+)\/terminate_connections$/.exec(path)?.[1];
    if (terminated !== undefined) {
      for (const connection of model.signedIn(terminated))
        connection.close(4009, 'You got disconnected by the app.');
      return ok({});
    }
    const users = /\/channels\/([^/]+)\/users$/.exec(path)?.[1];
    if (users !== undefined) return ok({ users: model.members(users).map(({ id }) => ({ id })) });
    const one = /\/channels\/([^/]+)$/.exec(path)?.[1];
    if (one !== undefined) {
      if (info === 'cache' && !CACHE.test(one)) return { status: 400, body: 'no cache channel\n' };
      if (info.includes('user_count') && !one.startsWith('presence-'))
        return { status: 400, body: 'no presence channel\n' };
      const kept = cache.get(one);
      return ok({
        occupied: on(one).length > 0,
        ...countsOf(one, info),
        ...(info === 'cache' && { cache: kept ? { data: kept['data'], ttl: 1_800 } : null }),
      });
    }
    const names = new Set([...connections].flatMap(({ channels }) => [...channels.keys()]));
    const prefix = query.get('filter_by_prefix') ?? '';
    const listed = [...names].filter((name) => !name.startsWith('#') && name.startsWith(prefix));
    return ok({ channels: Object.fromEntries(listed.map((name) => [name, countsOf(name, info)])) });
  };
  const attempt: typeof route = (...asked) => {
    try {
      return route(...asked);
    } catch {
      // It checks nothing, so what it cannot read it cannot carry out either.
      return { status: 400, body: 'malformed\n' };
    }
  };
  const answerTo = async (request: IncomingMessage): Promise<Answer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://model');
    const path = decodeURIComponent(pathname);
    const params = [...query].filter(([name]) => name !== 'auth_signature');
    const wanted = hmac(credentials.secret, requestText(request.method ?? '', path, params));
    const signed =
      query.get('auth_signature') === wanted &&
      (body === '' || query.get('body_md5') === md5(body));
    const answer = signed
      ? attempt(path, query, body)
      : { status: 401, body: 'Invalid signature\n' };
    return flaws.answer?.(answer, path) ?? answer;
  };

  sockets.on('connection', (socket, request) => {
    const connection = new ModelConnection(model, socket);
    // What is no WebSocket frame: `ws` closes the socket, and nobody else is concerned.
    socket.on('error', () => {});
    const key = /^\/app\/([^/?]+)/.exec(request.url ?? '')?.[1] ?? '';
    if (key !== credentials.key)
      return connection.close(
        4001,
        `App key ${key} not in this cluster. Did you forget to specify the cluster?`,
      );
    connections.add(connection);
    socket.on('message', (data: Buffer) => connection.receive(data.toString()));
    socket.on('close', () => {
      connections.delete(connection);
      connection.leaveAll();
    });
    const data = JSON.stringify({ socket_id: connection.id, activity_timeout: 120 });
    const greeting = { event: 'pusher:connection_established', data };
    connection.send(flaws.greeting?.(greeting) ?? greeting);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return model;
}
