import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type PusherServer from 'pusher';
import { Inbox } from './support/inbox.ts';

/** A request by which an SDK asks for a signature. */
export interface AuthRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the body, or of the query when there is none. */
  readonly form: Readonly<Record<string, string>>;
}

/** A file as its package ships it, or a text of the test's own. */
export interface Page {
  readonly type: string;
  readonly body: string;
}

/** The backend of an app, as a client SDK sees it: it signs channels and users, and refuses on command. */
export interface Backend extends AsyncDisposable {
  readonly url: string;
  /** Requests for a signature, in order. */
  readonly asked: Inbox<AuthRequest>;
  /** What it says from now on instead of a signature; without one it signs again. */
  refuse(answer?: Refusal): void;
}

interface Refusal {
  readonly status: number;
  readonly body: string;
}

/**
 * Signs whatever it is asked: for presence channels, and to sign in, the user that the request
 * names as `user`, or `u`. With a `callback` in the query it answers as JSONP wants it.
 */
export async function startBackend(
  sdk: PusherServer,
  pageAt: (url: URL) => Page | undefined = () => undefined,
): Promise<Backend> {
  const asked = new Inbox<AuthRequest>('requests for a signature');
  let refusal: Refusal | undefined;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://backend');
      const page = pageAt(url);
      if (page !== undefined) {
        response.setHeader('content-type', page.type).end(page.body);
        return;
      }
      const form = Object.fromEntries(body === '' ? url.searchParams : new URLSearchParams(body));
      const { method = '', headers } = request;
      if (form['socket_id'] === undefined) {
        response.writeHead(404).end();
        return;
      }
      asked.push({ method, path: url.pathname, headers, form });
      const answer = refusal ?? { status: 200, body: JSON.stringify(sign(sdk, form)) };
      const { callback } = form;
      response.writeHead(answer.status, {
        'content-type': callback === undefined ? 'application/json' : 'text/javascript',
      });
      response.end(callback === undefined ? answer.body : `${callback}(${answer.body});`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    refuse(answer) {
      refusal = answer;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function sign(sdk: PusherServer, form: AuthRequest['form']): object {
  const { socket_id: socketId = '', channel_name: channel, user = 'u' } = form;
  const info = { name: `user ${user}` };
  if (channel === undefined) return sdk.authenticateUser(socketId, { id: user, user_info: info });
  const member = channel.startsWith('presence-') ? { user_id: user, user_info: info } : undefined;
  return sdk.authorizeChannel(socketId, channel, member);
}
