import { createApi, createApiEvents } from '@fanfare/api';
import {
  appSchema,
  createLogger,
  createMemoryAppRegistry,
  createMemoryState,
  createMetrics,
  stateTiming,
  type BusMessage,
  createMemoryLimits,
} from '@fanfare/core';
import { withPlayground, type PlaygroundOptions } from '../src/playground.ts';

export const SECRET = 'c0ffee-secret-of-the-playground';
export const app = appSchema.parse({
  id: '1001',
  keys: [{ key: 'playground-key', secret: SECRET }],
});
export const HOST = 'localhost:3232';

/** What a browser adds to a request made by the page. */
export const OWN = { host: HOST, 'sec-fetch-site': 'same-origin' };

type Headers = Readonly<Record<string, string>>;

export interface Playground {
  readonly published: readonly BusMessage[];
  readonly get: (path: string, headers?: Headers) => Promise<Response>;
  readonly post: (path: string, body: string, headers?: Headers) => Promise<Response>;
  readonly trigger: (fields: object, headers?: Headers) => Promise<Response>;
  readonly auth: (channel: string, socketId?: string, headers?: Headers) => Promise<Response>;
}

/** A playground in front of the real API, with a bus that only takes notes. */
export function openPlayground(options: Partial<PlaygroundOptions> = {}): Playground {
  const published: BusMessage[] = [];
  const api = createApi({
    apps: createMemoryAppRegistry([app]),
    publisher: {
      up: true,
      publish: async (messages) => void published.push(...messages),
    },
    cache: { recall: async () => ({ event: undefined, isFirst: false }) },
    state: createMemoryState({
      timing: stateTiming,
      nowMs: () => 0,
      newEpoch: () => 'epoch',
      rosterChanged() {},
    }),
    limits: createMemoryLimits(),
    events: createApiEvents(createLogger('test', 'silent'), createMetrics('test')),
    pathPrefix: options.apiPathPrefix ?? '',
    nowMs: Date.now,
    newId: () => 'message-id',
  });
  const routes = withPlayground(api, { app, edgePort: 3131, pathPrefix: '', ...options });
  const get = async (path: string, headers: Headers = { host: HOST }): Promise<Response> =>
    routes.request(path, { headers });
  const post = async (path: string, body: string, headers: Headers = OWN): Promise<Response> =>
    routes.request(path, { method: 'POST', headers, body });
  return {
    published,
    get,
    post,
    trigger: async (fields, headers) =>
      post('/playground/trigger', JSON.stringify(fields), headers),
    async auth(channel, socketId = '12.34', headers) {
      const form = new URLSearchParams({ socket_id: socketId, channel_name: channel });
      return post('/playground/auth', form.toString(), headers);
    },
  };
}

/** What the page sends when Send is pressed. */
export const EVENT = { channel: 'my-channel', event: 'my-event', data: '{"hello":"world"}' };

/** The page's own scripts. */
export const FILES = [
  'main.js',
  'log.js',
  'channels.js',
  'connection.js',
  'send.js',
  'snippets.js',
];
