import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';

export interface WebhookRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What the server has posted so far, for cases to look through. */
export interface WebhookInbox extends AsyncDisposable {
  readonly requests: readonly WebhookRequest[];
}

const BODY_BYTES_MAX = 1_048_576;
const REQUESTS_MAX = 10_000;

/** Answers every POST with 200. */
export async function openWebhookInbox(port: number): Promise<WebhookInbox> {
  const requests: WebhookRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) request.destroy();
      else chunks.push(chunk);
    });
    request.on('end', () => {
      if (requests.length < REQUESTS_MAX)
        requests.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(200).end();
    });
    request.on('error', () => response.destroy());
  });
  server.listen(port);
  await once(server, 'listening');
  return {
    requests,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
