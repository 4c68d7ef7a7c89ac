import {
  Failure,
  type AppRegistry,
  type EventCache,
  type Limits,
  type Publisher,
  type StateReader,
  type UserTerminator,
} from '@fanfare/core';
import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { IncomingMessage } from 'node:http';
import { authenticate, checkApp, checkBody, type Caller } from './authenticate.ts';
import { readBody } from './body.ts';
import type { ApiEvents } from './events.ts';
import { httpErrors } from './http-errors.ts';
import { Refusal } from './refusal.ts';
import { respond, type Answer } from './respond.ts';
import { pathOf, queryOf, sentTarget } from './target.ts';

export interface ApiDeps {
  readonly apps: AppRegistry;
  readonly publisher: Publisher;
  /** What cache channels keep. */
  readonly cache: EventCache;
  /** What the cluster knows of its channels, and where it is told whose connections end. */
  readonly state: StateReader & UserTerminator;
  /** How much each app may still do in this second. */
  readonly limits: Limits;
  readonly events: ApiEvents;
  /** What stands before `/apps/…` in the path, and is not signed. */
  readonly pathPrefix?: string;
  nowMs(): number;
  /** A new message id: up to 40 letters, digits, `-` or `_`. */
  newId(): string;
}

export interface ApiEnv {
  Bindings: Partial<HttpBindings>;
}

export type ApiApp = Hono<ApiEnv>;

/** A request that has shown whose it is. */
export interface Call extends Caller {
  readonly body: Buffer;
  readonly idempotencyKey: string | undefined;
  /** What stands in the path for `:channel`, percent-decoded; empty on a route without one. */
  readonly channel: string;
  /** The same for `:user`. */
  readonly user: string;
}

export type Serve = (call: Call) => Answer | Promise<Answer>;

/** One route: who asks, then what, then the answer; `route` is its label in the metrics. */
export function endpoint(
  deps: ApiDeps,
  route: string,
  serve: Serve,
): (c: Context<ApiEnv>) => Promise<Response> {
  return async (c) => {
    const started = performance.now();
    let answer: Answer;
    try {
      answer = await answerTo(c, deps, serve);
    } catch (error) {
      answer = refusalOf(error, deps.events);
    }
    const status = typeof answer === 'string' ? 200 : answer.status;
    deps.events.answered(route, status, (performance.now() - started) / 1000);
    return respond(answer);
  };
}

// Apart from the function above, and with an early return for each refusal: as one function with
// both, V8 (Node 20) left it to the interpreter, and a request cost a seventh more.
async function answerTo(c: Context<ApiEnv>, deps: ApiDeps, serve: Serve): Promise<Answer> {
  const request = c.req.raw;
  const incoming = incomingOf(c.env);
  const target = sentTarget(request.url, incoming);
  const path = pathOf(target, deps.pathPrefix ?? '');
  const signed = { method: request.method, path, query: queryOf(target) };
  const caller = authenticate(signed, deps.apps, deps.nowMs());
  if (caller instanceof Refusal) return caller;
  const body = await readBody(request, incoming);
  if (body instanceof Refusal) return body;
  const { app, params } = caller;
  const refused = checkBody(params, body) ?? checkApp(app, c.req.param('app'), deps.apps);
  if (refused !== undefined) return refused;
  return serve({
    app,
    params,
    body,
    idempotencyKey: idempotencyKeyOf(request, incoming),
    channel: c.req.param('channel') ?? '',
    user: c.req.param('user') ?? '',
  });
}

/** Node's own request: there when node-server runs the app, and not when a test calls it. */
export function incomingOf(
  env: Partial<HttpBindings> | undefined,
): HttpBindings['incoming'] | undefined {
  return env?.incoming;
}

/** What we depend on is away, or we are wrong; only this request is lost, for nothing is kept between two. */
function refusalOf(error: unknown, events: ApiEvents): Refusal {
  if (error instanceof Failure) {
    events.unavailable(error);
    return httpErrors.unavailable();
  }
  events.defect(error);
  return httpErrors.internal();
}

function idempotencyKeyOf(
  request: Request,
  incoming: IncomingMessage | undefined,
): string | undefined {
  if (incoming === undefined) return request.headers.get('idempotency-key') ?? undefined;
  const value = incoming.headers['idempotency-key'];
  return typeof value === 'string' ? value : undefined;
}
