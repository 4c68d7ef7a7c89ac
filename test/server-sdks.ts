import { randomBytes } from 'node:crypto';
import PusherServer from 'pusher';
import EdgePusher from 'pusher-http-edge';
import type { Cluster } from './cluster.ts';

/** What an SDK hands out of an answer, whichever `fetch` it stands on. */
interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  json(): Promise<unknown>;
}

interface TriggerParams {
  readonly socket_id?: string;
  readonly info?: string;
}

interface SignedChannel {
  readonly auth: string;
  readonly channel_data?: string;
  readonly shared_secret?: string;
}

interface Token {
  readonly key: string;
  readonly secret: string;
}

interface Webhook {
  isValid(extraTokens?: Token | Token[]): boolean | Promise<boolean>;
  isContentTypeValid(): boolean;
  isBodyValid(): boolean;
  getData(): { readonly time_ms: number; readonly events: readonly unknown[] };
  getEvents(): readonly unknown[];
  getTime(): Date;
}

/** A batch is handed over to the SDK, which encodes the data where it stands. */
export interface BatchEvent extends TriggerParams {
  readonly channel: string;
  readonly name: string;
  data: unknown;
}

/** What the server SDKs for JavaScript have in common; one signs at once, the other in a promise. */
export interface ServerSdk {
  trigger(
    channel: string | string[],
    event: string,
    data: unknown,
    params?: TriggerParams,
  ): Promise<Answer>;
  triggerBatch(events: BatchEvent[]): Promise<Answer>;
  sendToUser(user: string, event: string, data: unknown): Promise<Answer>;
  terminateUserConnections(user: string): Promise<Answer>;
  get(request: { path: string; params?: Record<string, string> }): Promise<Answer>;
  post(request: { path: string; body: unknown }): Promise<Answer>;
  authorizeChannel(
    socketId: string,
    channel: string,
    data?: object,
  ): SignedChannel | Promise<SignedChannel>;
  authenticateUser(socketId: string, user: { id: string }): Signin | Promise<Signin>;
  webhook(request: { headers: object; rawBody: string }): Webhook;
  createSignedQueryString(request: {
    method: string;
    path: string;
    body?: string;
    params?: Record<string, string>;
  }): string | Promise<string>;
}

interface Signin {
  readonly auth: string;
  readonly user_data: string;
}

export interface SdkOptions extends Token {
  readonly appId: string;
  readonly host: string;
  readonly port: number;
  readonly useTLS: boolean;
  readonly encryptionMasterKeyBase64: string;
  /** In milliseconds. */
  readonly timeout?: number;
}

/** One of the two, and how to make another. */
export interface ServerSdkKind {
  readonly name: 'pusher' | 'pusher-http-edge';
  open(options: SdkOptions): ServerSdk;
  forURL(url: string): ServerSdk;
  /** What it takes for another key of the app. */
  token(key: string, secret: string): Token;
  /** What its calls are rejected with. */
  readonly RequestError: new (...args: never) => RequestError;
  /** What a webhook throws that is asked for what it does not have. */
  readonly WebHookError: new (...args: never) => Error;
}

export interface RequestError {
  readonly message: string;
  readonly url: string;
  readonly status?: number | undefined;
  readonly body?: string | undefined;
  readonly error?: unknown;
}

// Their own types differ in what they call optional, and one asks for a member's `user_id` as `id`.
export const serverSdkKinds: readonly ServerSdkKind[] = [
  {
    name: 'pusher',
    open: ({ port, ...options }) => new PusherServer({ ...options, port: String(port) }),
    forURL: (url) => PusherServer.forURL(url),
    token: (key, secret) => ({ key, secret }),
    RequestError: PusherServer.RequestError,
    WebHookError: PusherServer.WebHookError,
  },
  {
    name: 'pusher-http-edge',
    open: (options) => new EdgePusher(options),
    forURL: (url) => EdgePusher.forURL(url),
    token: (key, secret) => new EdgePusher.Token(key, secret),
    RequestError: EdgePusher.RequestError,
    WebHookError: EdgePusher.WebHookError,
  },
];

const encryptionMasterKeyBase64 = randomBytes(32).toString('base64');

/** What an SDK needs to know of the cluster; the same master key for both of them. */
export function sdkOptions(cluster: Cluster): SdkOptions {
  const { id, key, secret } = cluster.app;
  return {
    appId: id,
    key,
    secret,
    host: '127.0.0.1',
    port: cluster.apis[0]?.port ?? 0,
    useTLS: false,
    encryptionMasterKeyBase64,
  };
}

/** Tells pusher-js a signature, which one SDK has at once and the other in a promise. */
export function answerWith<T>(
  signature: T | Promise<T>,
  callback: (error: null, signed: T) => void,
): void {
  void (async () => callback(null, await signature))();
}
