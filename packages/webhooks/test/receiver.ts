import { EventEmitter } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { inTime } from './given.ts';

/** A webhook request as its receiver saw it. */
export interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** The exact text of the body. */
  readonly body: string;
  readonly timeMs: number;
  readonly events: readonly ReceivedEvent[];
  readonly ids: readonly string[];
  readonly attempt: number;
  readonly atMs: number;
}

export type ReceivedEvent = Readonly<Record<string, unknown>> & {
  readonly name: string;
  readonly channel: string;
};

/** What it answers: a status, silence, a cut connection, or whatever it writes itself. */
export type Reply = number | 'hang' | 'close' | ((response: ServerResponse) => void);

/** A backend that records every webhook and misbehaves on command. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly Received[];
  /** The events of requests that it answered with a 2xx, in the order of the answers. */
  readonly took: readonly ReceivedEvent[];
  readonly tookIds: readonly string[];
  /** Requests that are not answered yet; and the most that there were at once. */
  readonly open: number;
  readonly mostOpen: number;
  /** Decides about each request; by default all is well. */
  answer: (request: Received, index: number) => Reply;
  until(isSo: () => boolean, what: string): Promise<void>;
}

export async function startReceiver(
  answer: (request: Received, index: number) => Reply = () => 200,
): Promise<Receiver> {
  const changes = new EventEmitter().setMaxListeners(0);
  const requests: Received[] = [];
  const took: ReceivedEvent[] = [];
  const tookIds: string[] = [];
  let open = 0;
  let mostOpen = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    response.on('close', () => {
      open -= 1;
      changes.emit('change');
    });
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url: path, headers } = request;
      const received = receivedOf(
        { method, path, headers },
        Buffer.concat(chunks).toString('utf8'),
      );
      requests.push(received);
      const reply = receiver.answer(received, requests.length - 1);
      send(response, reply);
      if (response.statusCode < 300 && reply !== 'hang' && reply !== 'close') {
        took.push(...received.events);
        tookIds.push(...received.ids);
      }
      changes.emit('change');
    });
  });
  const port = await listen(server);
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/hook`,
    requests,
    took,
    tookIds,
    get open() {
      return open;
    },
    get mostOpen() {
      return mostOpen;
    },
    answer,
    async until(isSo, what) {
      await inTime(
        new Promise<void>((resolve) => {
          const look = (): void => {
            if (!isSo()) return;
            changes.off('change', look);
            resolve();
          };
          changes.on('change', look);
          look();
        }),
        what,
      );
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

function receivedOf(
  { method, path, headers }: Pick<Received, 'method' | 'path' | 'headers'>,
  body: string,
): Received {
  const { time_ms: timeMs, events } = JSON.parse(body) as {
    time_ms: number;
    events: ReceivedEvent[];
  };
  const ids = String(headers['x-webhook-event-ids']).split(',');
  const attempt = Number(headers['x-webhook-attempt']);
  return { method, path, headers, body, timeMs, events, ids, attempt, atMs: Date.now() };
}

function send(response: ServerResponse, reply: Reply): void {
  if (typeof reply === 'function') reply(response);
  else if (reply === 'close') response.socket?.destroy();
  else if (reply !== 'hang') response.writeHead(reply).end();
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** An address where nobody listens: the port was free a moment ago. */
export async function deadUrl(): Promise<string> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}/hook`;
}
