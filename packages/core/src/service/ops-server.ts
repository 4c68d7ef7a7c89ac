import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { listen } from './listen.ts';
import type { Readiness } from './readiness.ts';

export interface OpsServer extends AsyncDisposable {
  readonly port: number;
}

export interface OpsOptions {
  readonly host: string;
  readonly port: number;
  readonly readiness: Readiness;
  readonly metrics: Registry;
}

/** The operator's own port, apart from the public ones: `/livez`, `/readyz`, `/metrics`. */
export async function startOpsServer(options: OpsOptions): Promise<OpsServer> {
  const { readiness, metrics } = options;
  const answer = async (path: string): Promise<Answer> => {
    switch (path) {
      case '/livez':
        return { status: 200, type: 'text/plain', body: 'ok\n' };
      case '/readyz': {
        const reasons = readiness.reasons();
        const warnings = readiness.warnings();
        const ready = reasons.length === 0;
        return {
          status: ready ? 200 : 503,
          type: 'application/json',
          body: `${JSON.stringify({ ready, reasons, ...(warnings.length > 0 && { warnings }) })}\n`,
        };
      }
      case '/metrics':
        return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
      default:
        return { status: 404, type: 'text/plain', body: '404 NOT FOUND\n' };
    }
  };
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    void respond(response, answer(path));
  });
  await listen(server, options.host, options.port, 'OPS_PORT');
  const { port } = server.address() as AddressInfo; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a TCP server that listens has such an address
  return {
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function respond(response: ServerResponse, answer: Promise<Answer>): Promise<void> {
  const { status, type, body } = await answer.catch((error: unknown) => ({
    status: 500,
    type: 'text/plain',
    body: `${String(error)}\n`,
  }));
  response.writeHead(status, { 'content-type': type }).end(body);
}
