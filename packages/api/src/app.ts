import { Hono } from 'hono';
import {
  endpoint,
  incomingOf,
  type ApiApp,
  type ApiDeps,
  type ApiEnv,
  type Serve,
} from './endpoint.ts';
import { httpErrors } from './http-errors.ts';
import { asRead } from './rates.ts';
import { respond } from './respond.ts';
import { batchEvents } from './routes/batch-events.ts';
import { channelUsers } from './routes/channel-users.ts';
import { channel } from './routes/channel.ts';
import { channels } from './routes/channels.ts';
import { events } from './routes/events.ts';
import { terminateConnections } from './routes/terminate-connections.ts';
import { pathOf, sentTarget } from './target.ts';

/** The label of a request that belongs to no route. */
export const UNMATCHED = 'unmatched';

/** The HTTP API. Listens to nothing: `startApiServer` does, and tests call `app.request()`. */
export function createApi(deps: ApiDeps): ApiApp {
  const app: ApiApp = new Hono<ApiEnv>({
    // Routes are matched on what was sent: a `%2F` in a user id is no slash of the path.
    getPath: (request, options) =>
      pathOf(sentTarget(request.url, incomingOf(options?.env)), deps.pathPrefix ?? ''),
  });
  const route = (method: 'GET' | 'POST', path: string, serve: Serve): void => {
    app.on(method, path, endpoint(deps, path, serve));
  };
  const terminate = terminateConnections(deps);
  route('POST', '/apps/:app/events', events(deps));
  route('POST', '/apps/:app/batch_events', batchEvents(deps));
  const read = (path: string, serve: Serve): void => route('GET', path, asRead(deps.limits, serve));
  read('/apps/:app/channels', channels(deps));
  read('/apps/:app/channels/:channel', channel(deps));
  read('/apps/:app/channels/:channel/users', channelUsers(deps));
  route('POST', '/apps/:app/users/:user/terminate_connections', terminate);
  // Python's SDK leaves the app out; its key says which it is.
  route('POST', '/users/:user/terminate_connections', terminate);

  app.notFound((c) => {
    const { path } = c.req;
    const allowed = ['GET', 'POST'].filter((each) => app.router.match(each, path)[0].length > 0);
    const refusal =
      allowed.length === 0
        ? httpErrors.notFound()
        : httpErrors.methodNotAllowed(
            allowed.map((each) => (each === 'GET' ? 'GET, HEAD' : each)).join(', '),
          );
    deps.events.answered(UNMATCHED, refusal.status, 0);
    return respond(refusal);
  });
  return app;
}
