import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type PusherServer from 'pusher';
import { eventually } from './eventually.ts';
import { PATIENCE_MS } from './sdk.ts';

/** An event as it stood in a body, and the id that came with it. */
export interface Told {
  readonly id: string;
  readonly event: Readonly<Record<string, string>>;
}

export interface WebhookRequest {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly told: readonly Told[];
  /** False for a request that was answered otherwise, or not at all. */
  readonly accepted: boolean;
}

/** Answers 200, answers 500, never answers, or ends the connection instead. */
type Behaviour = 'accept' | 'error' | 'hang' | 'close';

/** The backend of an app: it takes webhooks, checks them as the official SDK does, and misbehaves on command. */
export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string;
  /** Whoever signs for the app. Nothing is accepted before it is known. */
  trust(sdk: PusherServer): void;
  /** All that was well signed, in the order of arrival. */
  readonly requests: readonly WebhookRequest[];
  /** What was accepted, in order; an event that came twice stands here twice. */
  accepted(channel?: string): readonly Told[];
  /** Names of the accepted events of a channel, in order, a member's or a client event's own name behind it. */
  story(channel: string): readonly string[];
  /** Waits until a channel's story is as long as this, and hands it out. */
  storyOf(channel: string, length: number, patienceMs?: number): Promise<readonly string[]>;
  /** What it does with requests from now on. */
  behave(how: Behaviour): void;
  /** Nobody listens at the address, until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export async function startReceiver(): Promise<WebhookReceiver> {
  const requests: WebhookRequest[] = [];
  /** Why requests were not even looked at. */
  const refusals: string[] = [];
  let sdk: PusherServer | undefined;
  let how: Behaviour = 'accept';
  let server: Server | undefined;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const read = await readRequest(request, sdk);
    if (typeof read === 'string') {
      refusals.push(read);
      return void response.writeHead(401).end();
    }
    requests.push({ ...read, accepted: how === 'accept' });
    if (how === 'close') request.socket.destroy();
    else if (how !== 'hang') response.writeHead(how === 'accept' ? 200 : 500).end();
  };
  const listen = async (port: number): Promise<number> => {
    server = createServer((request, response) => {
      // The other side may give up while it sends.
      answer(request, response).catch(() => response.destroy());
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const close = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = once(closing, 'close');
    closing.close();
    closing.closeAllConnections();
    await closed;
  };
  const accepted: WebhookReceiver['accepted'] = (channel) =>
    requests
      .filter((request) => request.accepted)
      .flatMap(({ told }) => told)
      .filter(({ event }) => channel === undefined || event['channel'] === channel);
  const story: WebhookReceiver['story'] = (channel) => accepted(channel).map(titleOf);
  return {
    url: `http://127.0.0.1:${port}/hooks`,
    requests,
    accepted,
    story,
    trust(by) {
      sdk = by;
    },
    async storyOf(channel, length, patienceMs = PATIENCE_MS) {
      await eventually(
        () => story(channel).length >= length,
        () => `${length} webhooks of ${channel} expected; ${describe(requests, refusals)}`,
        patienceMs,
      );
      return story(channel);
    },
    behave(next) {
      how = next;
    },
    down: close,
    async up() {
      await listen(port);
    },
    [Symbol.asyncDispose]: close,
  };
}

/** What was read, or why it is not taken. */
async function readRequest(
  request: IncomingMessage,
  sdk: PusherServer | undefined,
): Promise<Omit<WebhookRequest, 'accepted'> | string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  const { headers } = request;
  if (sdk === undefined) return 'nobody is trusted yet';
  const webhook = sdk.webhook({ headers, rawBody: body });
  if (request.method !== 'POST' || !webhook.isValid())
    return `not signed by the app: ${JSON.stringify(headers)} ${body}`;
  const { events } = JSON.parse(body) as { readonly events: readonly Told['event'][] };
  const ids = String(headers['x-webhook-event-ids']).split(/, ?/);
  if (ids.length !== events.length) return `${ids.length} ids for ${events.length} events`;
  return {
    headers,
    body,
    attempt: Number(headers['x-webhook-attempt']),
    idempotencyKey: String(headers['idempotency-key']),
    told: events.map((event, index) => ({ id: ids[index] ?? '', event })),
  };
}

/** The name of an event, a member's or a client event's own name behind it. */
export function titleOf({ event }: Told): string {
  const { name = '', user_id: user, event: clientEvent } = event;
  return [name, clientEvent ?? user].filter((part) => part !== undefined).join(' ');
}

function describe(requests: readonly WebhookRequest[], refusals: readonly string[]): string {
  const lines = requests.map(
    ({ accepted, attempt, told }) =>
      `${accepted ? 'accepted' : 'refused'} (attempt ${attempt}): ${told
        .map((each) => `${each.event['channel']} ${titleOf(each)}`)
        .join(', ')}`,
  );
  return [`${requests.length} requests came:`, ...lines.slice(-50), ...refusals].join('\n');
}
