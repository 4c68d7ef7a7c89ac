import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import {
  appSchema,
  createMemoryAppRegistry,
  type App,
  type BusMessage,
  type EventCache,
  type Limits,
  type StateReader,
  type UserTerminator,
  createMemoryLimits,
} from '@fanfare/core';
import { createApi, type ApiApp, type ApiEvents } from '../src/index.ts';
import { memoryState } from './memory-state.ts';

/** The moment at which Pusher's published examples are signed. */
export const NOW_SECONDS = 1_353_088_179;
/** The app, key and secret of Pusher's published examples. */
export const KEY = '278d425bdf160c739803';
export const SECRET = '7ad3773142a6692b25b8';

export function makeApp(part: Readonly<Record<string, unknown>> = {}): App {
  return appSchema.parse({ id: '3', keys: [{ key: KEY, secret: SECRET }], ...part });
}

export interface Harness {
  readonly app: ApiApp;
  readonly events: ApiEvents;
  /** One entry for each call of the bus. */
  readonly published: readonly (readonly BusMessage[])[];
  readonly answered: readonly string[];
  readonly defects: readonly unknown[];
  /** What the bus does instead of taking messages. */
  readonly failWith: (error: unknown) => void;
  readonly send: (request: Signing, init?: RequestInit) => Promise<Reply>;
}

export interface HarnessOptions {
  readonly apps?: readonly App[];
  /** Without one, nobody is in any channel. */
  readonly state?: StateReader & Partial<UserTerminator>;
  /** Without one, no channel keeps anything. */
  readonly cache?: EventCache;
  readonly limits?: Limits;
  readonly pathPrefix?: string;
  readonly nowMs?: () => number;
  readonly onAnswered?: () => void;
  /** The bus takes nothing before this. */
  readonly held?: Promise<void>;
}

export const emptyCache: EventCache = {
  recall: async () => ({ event: undefined, isFirst: false }),
};

export function harness(options: HarnessOptions = {}): Harness {
  const published: (readonly BusMessage[])[] = [];
  const answered: string[] = [];
  const defects: unknown[] = [];
  let failure: unknown;
  let ids = 0;
  const events: ApiEvents = {
    listening() {},
    answered(route, status) {
      answered.push(`${route} ${status}`);
      options.onAnswered?.();
    },
    published() {},
    terminated() {},
    unavailable() {},
    stopping() {},
    defect: (error) => defects.push(error),
  };
  const app = createApi({
    apps: createMemoryAppRegistry(options.apps ?? [makeApp()]),
    publisher: {
      up: true,
      async publish(messages) {
        await options.held;
        if (failure !== undefined) throw failure;
        published.push(messages);
      },
    },
    cache: options.cache ?? emptyCache,
    state: { ...memoryState(), ...options.state },
    limits: options.limits ?? createMemoryLimits(),
    ...(options.pathPrefix !== undefined && { pathPrefix: options.pathPrefix }),
    events,
    nowMs: options.nowMs ?? (() => NOW_SECONDS * 1000),
    newId: () => `id-${(ids += 1)}`,
  });
  return {
    app,
    events,
    published,
    answered,
    defects,
    failWith(error) {
      failure = error;
    },
    send: (request, init) => send(app, request, init),
  };
}

/** A request to be signed. What is undefined in `params` is left out. */
export interface Signing {
  readonly method?: string;
  /** As it is signed; `sentPath` says how it goes out where that differs. */
  readonly path?: string;
  readonly sentPath?: string;
  readonly params?: Readonly<Record<string, string | undefined>>;
  /** Further ones, which may repeat a name. */
  readonly more?: readonly (readonly [string, string])[];
  readonly body?: string | Uint8Array;
  readonly secret?: string;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** The path and query of a signed request, built by hand: the tests do not trust the code they test. */
export function signed(request: Signing): string {
  const params = signedParams(request);
  const query = params.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return `${request.sentPath ?? request.path ?? '/apps/3/events'}?${query}`;
}

export function signedParams(request: Signing): readonly (readonly [string, string])[] {
  const { method = 'POST', path = '/apps/3/events', body = '' } = request;
  const all: Readonly<Record<string, string | undefined>> = {
    auth_key: KEY,
    auth_timestamp: String(NOW_SECONDS),
    auth_version: '1.0',
    ...(body.length > 0 && { body_md5: md5(body) }),
    ...request.params,
  };
  const single = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const params = [...single, ...(request.more ?? [])];
  const sorted = params.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)));
  const text = `${method}\n${path}\n${sorted.map((pair) => pair.join('=')).join('&')}`;
  return [...params, ['auth_signature', hmac(text, request.secret)]];
}

export function hmac(text: string, secret = SECRET): string {
  return createHmac('sha256', secret).update(text).digest('hex');
}

export function md5(body: string | Uint8Array): string {
  return createHash('md5').update(body).digest('hex');
}

export async function send(app: ApiApp, request: Signing, init?: RequestInit): Promise<Reply> {
  return sendTo(app, signed(request), request.method ?? 'POST', request.body, init);
}

/** Sends a target as it is. */
export async function sendTo(
  app: ApiApp,
  target: string,
  method = 'GET',
  body?: string | Uint8Array,
  init?: RequestInit,
): Promise<Reply> {
  const hasBody = body !== undefined && body.length > 0;
  const request = { method, ...(hasBody && { body: body as string }), ...init };
  const response = await app.request(target, request);
  return { status: response.status, text: await response.text(), headers: response.headers };
}

export function trigger(part: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ name: 'my-event', data: 'hello', channel: 'lobby', ...part });
}

/** A refusal is plain text that ends in a newline. */
export function assertRefused(reply: Reply, status: number, text: string | RegExp): void {
  if (typeof text === 'string') assert.equal(reply.text, `${text}\n`);
  else assert.match(reply.text, text);
  assert.equal(reply.status, status);
  assert.equal(reply.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.ok(reply.text.endsWith('\n'));
}

export function assertOk(reply: Reply, text = '{}'): void {
  assert.equal(reply.text, text);
  assert.equal(reply.status, 200);
  assert.equal(reply.headers.get('content-type'), 'application/json');
}

export interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

export function deferred(): Deferred {
  const done: (() => void)[] = [];
  const promise = new Promise<void>((resolve) => done.push(resolve));
  return { promise, resolve: () => done[0]?.() };
}

export function channelsOf(
  batch: readonly BusMessage[] | undefined,
): readonly string[] | undefined {
  return batch?.map(({ channel }) => channel);
}
