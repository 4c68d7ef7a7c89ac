import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Feature } from './case.ts';
import { Client } from './client.ts';
import { Unmet } from './expect.ts';
import type { Api } from './http.ts';
import type { Credentials } from './signing.ts';
import { openWireSocket, type Address } from './websocket.ts';
import type { WebhookInbox } from './webhook-inbox.ts';

/** The server under test. */
export interface Target {
  readonly credentials: Credentials;
  /** Its WebSocket side; with a second one, cases of two connections use both. */
  readonly edges: readonly [Address, ...Address[]];
  readonly api: Address;
  /** What stands before `/app/{key}`. */
  readonly wsPath: string;
  readonly features: ReadonlySet<Feature>;
  /** How long anything that has to come may take. */
  readonly patienceMs: number;
}

export interface ConnectOptions {
  /** Which edge, counted from 0; the only one where there is one. */
  readonly edge?: number;
  readonly query?: string;
  /** Path and query instead of the usual. */
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly firstText?: string;
}

const EVENTUALLY_EVERY_MS = 25;

/** What a case has at hand. All that it opens is closed behind it. */
export class Kit implements AsyncDisposable {
  readonly target: Target;
  readonly credentials: Credentials;
  readonly api: Api;
  readonly webhooks: WebhookInbox | undefined;
  readonly #clients: Client[] = [];

  constructor(target: Target, api: Api, webhooks: WebhookInbox | undefined) {
    this.target = target;
    this.credentials = target.credentials;
    this.api = api;
    this.webhooks = webhooks;
  }

  has(feature: Feature): boolean {
    return this.target.features.has(feature);
  }

  /** A name that nobody else uses, behind a prefix that makes its kind. */
  name(prefix = ''): string {
    return `${prefix}cf-${randomBytes(6).toString('hex')}`;
  }

  /** A connection whose first frame nobody has read yet. */
  async open(options: ConnectOptions = {}): Promise<Client> {
    const { edges, wsPath, patienceMs } = this.target;
    const edge = edges[(options.edge ?? 0) % edges.length] ?? edges[0];
    const query = options.query ?? 'protocol=7&client=js&version=8.6.0&flash=false';
    const target = options.target ?? `${wsPath}/app/${this.credentials.key}?${query}`;
    const wire = await openWireSocket(edge, target, {
      patienceMs,
      ...(options.headers && { headers: options.headers }),
      ...(options.firstText !== undefined && { firstText: options.firstText }),
    });
    const client = new Client(wire, this.credentials, patienceMs);
    this.#clients.push(client);
    return client;
  }

  async connect(options: ConnectOptions = {}): Promise<Client> {
    return (await this.open(options)).establish();
  }

  /** Two connections, on different edges where there are two. */
  async pair(): Promise<readonly [Client, Client]> {
    return [await this.connect({ edge: 0 }), await this.connect({ edge: 1 })];
  }

  /** Asks again until the answer is right: counts of a cluster may follow a moment later. */
  async eventually(check: () => Promise<void> | void): Promise<void> {
    const end = Date.now() + this.target.patienceMs;
    for (;;) {
      try {
        return await check();
      } catch (error) {
        if (!(error instanceof Unmet) || Date.now() > end) throw error;
        await delay(EVENTUALLY_EVERY_MS);
      }
    }
  }

  /** Proves that what was to come has come: an event that the API sends behind it. */
  async marker(clients: Client | readonly Client[], channel: string): Promise<void> {
    const event = this.name('marker-');
    await this.api.trigger(channel, event, '{}');
    for (const client of [clients].flat()) await client.event(event, channel);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.wire.destroy();
  }
}
