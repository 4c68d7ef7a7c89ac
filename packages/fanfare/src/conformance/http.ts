import { Agent, request as requestHttp, type IncomingHttpHeaders } from 'node:http';
import { Agent as TlsAgent, request as requestHttps } from 'node:https';
import { ensure, fieldsOf, parsed, shown, unmet, type Fields } from './expect.ts';
import { signedParams, type Credentials, type Params } from './signing.ts';
import type { Address } from './websocket.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Sent {
  readonly method: string;
  /** Path and query exactly as they go out. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** A list of very many channels fits; a server may not fill our memory. */
const BODY_BYTES_MAX = 16_777_216;

/** The HTTP API as a backend reaches it. */
export class Api {
  readonly credentials: Credentials;
  readonly #address: Address;
  readonly #patienceMs: number;
  readonly #agent: Agent;

  constructor(address: Address, credentials: Credentials, patienceMs: number) {
    this.#address = address;
    this.credentials = credentials;
    this.#patienceMs = patienceMs;
    this.#agent = address.tls
      ? new TlsAgent({ keepAlive: true, rejectUnauthorized: false })
      : new Agent({ keepAlive: true });
  }

  /** `/apps/{id}` and what follows. */
  path(rest: string): string {
    return `/apps/${this.credentials.appId}${rest}`;
  }

  /** Sends what it is given, signed or not. */
  async send({ method, target, headers = {}, body = '' }: Sent): Promise<Reply> {
    const { host, port, tls } = this.#address;
    return new Promise((resolve, reject) => {
      const open = tls ? requestHttps : requestHttp;
      const length = Buffer.byteLength(body);
      const outgoing = open(
        {
          host,
          port,
          method,
          path: target,
          agent: this.#agent,
          headers: { ...headers, ...(length > 0 && { 'content-length': length }) },
          timeout: this.#patienceMs,
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          incoming.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
            else incoming.destroy(new Error(`a body of more than ${BODY_BYTES_MAX} bytes`));
          });
          incoming.on('error', reject);
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              text: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      outgoing.on('timeout', () =>
        outgoing.destroy(new Error(`${method} ${target.split('?')[0]} was not answered in time`)),
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  async get(path: string, params: Params = []): Promise<Reply> {
    const all = signedParams(this.credentials, { method: 'GET', path, params });
    return this.send({ method: 'GET', target: targetOf(path, all) });
  }

  async post(path: string, body: unknown): Promise<Reply> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const all = signedParams(this.credentials, { method: 'POST', path, body: text });
    return this.send({
      method: 'POST',
      target: targetOf(path, all),
      headers: { 'content-type': 'application/json' },
      body: text,
    });
  }

  /** A trigger, however it is answered. */
  async tryTrigger(body: unknown): Promise<Reply> {
    return this.post(this.path('/events'), body);
  }

  /** A trigger that has to succeed; resolves with its answer. */
  async trigger(
    channels: string | readonly string[],
    name: string,
    data: unknown,
    more: Fields = {},
  ): Promise<Fields> {
    const list = typeof channels === 'string' ? [channels] : channels;
    return succeeded(await this.tryTrigger({ name, channels: list, data, ...more }));
  }

  async channel(name: string, info?: string): Promise<Fields> {
    const params: Params = info === undefined ? [] : [['info', info]];
    return succeeded(await this.get(this.path(`/channels/${encodeURIComponent(name)}`), params));
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Parameters behind a path, percent-encoded as most SDKs do. */
export function targetOf(path: string, params: Params): string {
  const pairs = params.map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  return `${path}?${pairs.join('&')}`;
}

/** The answer to something that has to succeed: exactly 200, `application/json`, a JSON object. */
export function succeeded(reply: Reply): Fields {
  if (reply.status !== 200) unmet('status 200', seen(reply));
  ensure(
    /^application\/json\b/.test(reply.headers['content-type'] ?? ''),
    'Content-Type application/json',
    reply.headers['content-type'] ?? 'none',
  );
  return fieldsOf(parsed(reply.text, 'the body'), 'the body');
}

/** Something that has to be refused with one of these, and with words. */
export function refusedWith(reply: Reply, ...statuses: readonly number[]): string {
  if (!statuses.includes(reply.status)) unmet(`status ${statuses.join(' or ')}`, seen(reply));
  ensure(reply.text !== '', 'an error body that is not empty', seen(reply));
  return reply.text;
}

export function seen({ status, text }: Reply): string {
  return `${status} ${shown(text)}`;
}
