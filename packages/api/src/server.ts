import {
  createServer,
  STATUS_CODES,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { listen } from '@fanfare/core';
import { getRequestListener, RequestError } from '@hono/node-server';
import { UNMATCHED } from './app.ts';
import type { ApiApp } from './endpoint.ts';
import type { ApiEvents } from './events.ts';
import { httpErrors } from './http-errors.ts';
import type { Refusal } from './refusal.ts';
import { respond } from './respond.ts';

export interface ApiServer extends AsyncDisposable {
  readonly port: number;
  /** Takes no new connection, answers what is under way, and closes the rest. */
  stop(): Promise<void>;
}

export interface ApiServerOptions {
  readonly host: string;
  readonly port: number;
  /** The API's app, or one that hands it what it does not answer itself. */
  readonly app: { readonly fetch: ApiApp['fetch'] };
  readonly events: ApiEvents;
  readonly times?: Partial<ServerTimes>;
}

/** How long a peer may take for what; nobody holds a connection for less than a request. */
export interface ServerTimes {
  readonly headersMs: number;
  readonly requestMs: number;
  /** Longer than the minute after which common load balancers drop an idle connection. */
  readonly keepAliveMs: number;
  /** How often the first two are looked at. */
  readonly checkMs: number;
  /** What is not answered by then is cut off. */
  readonly stopMs: number;
}

const TIMES: ServerTimes = {
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 75_000,
  checkMs: 2_000,
  stopMs: 5_000,
};

/** The data of an event may stand in the query, where each of its bytes can take three. */
const HEADER_BYTES = 65_536;

interface Connection {
  readonly socket: Socket;
  /** The last response that is not finished yet; a finished one would keep its request's body alive. */
  latest: ServerResponse | undefined;
}

type Connections = Map<Duplex, Connection>;

export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { events } = options;
  const times = { ...TIMES, ...options.times };
  const connections: Connections = new Map();
  let stopped: Promise<void> | undefined;

  const answer = getRequestListener(options.app.fetch, {
    // Only a default for requests without Host, which nothing here looks at.
    hostname: 'localhost',
    errorHandler: (error) => respond(refusalOf(error, events)),
  });
  // One function for all of them, and not a closure for each request.
  function forget(this: ServerResponse): void {
    const connection = connections.get(this.req.socket);
    if (connection?.latest === this) connection.latest = undefined;
  }
  const serve: RequestListener = (incoming, outgoing) => {
    const connection = connections.get(incoming.socket);
    if (connection !== undefined) connection.latest = outgoing;
    outgoing.on('close', forget);
    if (stopped !== undefined) outgoing.setHeader('connection', 'close');
    void answer(incoming, outgoing);
  };
  const server = createServer(
    {
      headersTimeout: times.headersMs,
      requestTimeout: times.requestMs,
      keepAliveTimeout: times.keepAliveMs,
      connectionsCheckingInterval: times.checkMs,
      maxHeaderSize: HEADER_BYTES,
      // Node would refuse with an empty body; no Host is needed here.
      requireHostHeader: false,
    },
    serve,
  );
  // Node would refuse what it does not know with an empty body; we do not look at it.
  server.on('checkExpectation', serve);
  server.on('connection', (socket) => {
    connections.set(socket, { socket, latest: undefined });
    socket.once('close', () => connections.delete(socket));
  });
  refuseMalformed(server, connections, events);

  await listen(server, options.host, options.port, 'API_PORT');
  const { port } = server.address() as AddressInfo; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a TCP server that listens has such an address
  events.listening(port);
  const stop = (): Promise<void> => (stopped ??= stopServer(server, connections, times, events));
  return { port, stop, [Symbol.asyncDispose]: stop };
}

function refusalOf(error: unknown, events: ApiEvents): Refusal {
  const refusal =
    error instanceof RequestError ? httpErrors.requestInvalid() : httpErrors.internal();
  if (!(error instanceof RequestError)) events.defect(error);
  events.answered(UNMATCHED, refusal.status, 0);
  return refusal;
}

/** Node's own answers to what it cannot read have no body, and some SDKs cannot bear that. */
function refuseMalformed(server: Server, connections: Connections, events: ApiEvents): void {
  const refuseUnmatched = (socket: Duplex, refusal: Refusal): void => {
    if (socket.writable) events.answered(UNMATCHED, refusal.status, 0);
    refuse(socket, refusal);
  };
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const refusal = malformedRefusal(error.code);
    const latest = connections.get(socket)?.latest;
    if (latest === undefined) refuseUnmatched(socket, refusal);
    // Requests that were read before are answered first.
    else if (latest.req.complete) latest.once('close', () => refuseUnmatched(socket, refusal));
    // What is wrong is the rest of a request whose route is known; its endpoint counts it.
    else refuse(socket, refusal);
  });
  server.on('connect', (_incoming, socket) => {
    socket.on('error', () => socket.destroy());
    refuseUnmatched(socket, httpErrors.requestInvalid());
  });
}

function refuse(socket: Duplex, refusal: Refusal): void {
  if (socket.writable) socket.end(rawResponse(refusal), () => socket.destroy());
}

function malformedRefusal(code: string | undefined): Refusal {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return httpErrors.requestTimeout();
  if (code === 'HPE_HEADER_OVERFLOW') return httpErrors.headersTooLarge(HEADER_BYTES);
  return httpErrors.requestInvalid();
}

function rawResponse({ status, text }: Refusal): string {
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
    '',
    text,
  ].join('\r\n');
}

async function stopServer(
  server: Server,
  connections: Connections,
  times: ServerTimes,
  events: ApiEvents,
): Promise<void> {
  events.stopping(connections.size);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const { socket, latest } of connections.values()) {
    // Node counts a connection that never sent a byte as busy.
    if (socket.bytesRead === 0) socket.destroy();
    else if (latest?.headersSent === false) latest.setHeader('connection', 'close');
  }
  const cut = setTimeout(() => server.closeAllConnections(), times.stopMs);
  await closed;
  clearTimeout(cut);
}
