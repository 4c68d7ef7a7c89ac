import type { App } from '@fanfare/core';
import { Hono, type Context, type Env, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { readAssets, type Asset } from './playground-assets.ts';
import { authorize } from './playground-auth.ts';
import { isOwnHost, isOwnPage } from './playground-guard.ts';
import { signedTrigger } from './playground-trigger.ts';

export interface PlaygroundOptions {
  readonly app: App;
  readonly edgePort: number;
  readonly pathPrefix: string;
  /** The edge speaks TLS itself. */
  readonly tls?: boolean;
  /** The address the API listens on when it is not a loopback one; the page may be opened under it, too. */
  readonly host?: string;
  /** What stands before `/apps/{id}` in the API's paths. */
  readonly apiPathPrefix?: string;
}

/** More than any event may have, so that the API is the one to say that data is too large. */
const BODY_BYTES = 262_144;

const HEADERS: Readonly<Record<string, string>> = {
  // Trusted types make it an error to put text into the page as anything but text.
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self' ws: wss:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/**
 * A page to try the server out, for `fanfare start` with its development app. It answers first and
 * hands all it does not know to the API. It signs for whoever can reach it, so it must be reachable
 * by its own page only: any website the developer visits may try.
 */
export function withPlayground<E extends Env>(api: Hono<E>, options: PlaygroundOptions): Hono<E> {
  const { app } = options;
  const playground = new Hono<E>();
  const own = forOwnHost(options.host);
  for (const asset of readAssets()) {
    const path = asset.name === 'index.html' ? '/' : `/playground/${asset.name}`;
    playground.get(path, own, (c) => answerAsset(c, asset));
  }
  playground.get('/playground/config.json', own, (c) =>
    c.json(
      {
        appId: app.id,
        key: app.keys[0].key,
        edgePort: options.edgePort,
        pathPrefix: options.pathPrefix,
        tls: options.tls ?? false,
      },
      200,
      { 'cache-control': 'no-store' },
    ),
  );
  playground.post('/playground/trigger', own, forOwnPage, limited, async (c) => {
    const request = signedTrigger(app, await c.req.text(), Date.now());
    if (request === undefined)
      return c.text('Expected a JSON object with channel, event and data', 400);
    const answer = await api.request(`${options.apiPathPrefix ?? ''}${request.target}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: request.body,
    });
    c.header('cache-control', 'no-store');
    return c.newResponse(await answer.text(), answer);
  });
  playground.post('/playground/auth', own, forOwnPage, limited, async (c) => {
    const result = authorize(app, new URLSearchParams(await c.req.text()));
    if (!result.ok) return c.text(result.reason, result.status);
    const { ok: _ok, ...answer } = result;
    return c.json(answer, 200, { 'cache-control': 'no-store' });
  });
  playground.all('*', (c) => api.fetch(c.req.raw, c.env));
  return playground;
}

function forOwnHost(told: string | undefined): MiddlewareHandler {
  return async (c, next) => {
    for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
    if (isOwnHost(c.req.header('host'), told)) return next();
    return c.text('The playground opens under localhost only', 403);
  };
}

const forOwnPage: MiddlewareHandler = async (c, next) => {
  const sender = {
    host: c.req.header('host'),
    origin: c.req.header('origin'),
    site: c.req.header('sec-fetch-site'),
  };
  if (isOwnPage(sender)) return next();
  return c.text('Only the page of the playground may ask for this', 403);
};

const limited = bodyLimit({
  maxSize: BODY_BYTES,
  onError: (c) => c.text(`The body is larger than ${BODY_BYTES} bytes`, 413),
});

/** Browsers ask each time whether a file is still the same, so that an upgrade shows at once. */
function answerAsset(c: Context, { text, type, etag }: Asset): Response {
  c.header('cache-control', 'no-cache');
  c.header('etag', etag);
  if (c.req.header('if-none-match') === etag) return c.body(null, 304);
  return c.body(text, 200, { 'content-type': type });
}
