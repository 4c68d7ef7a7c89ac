import { Failure, type RedisAddress, type RedisUrl } from '@fanfare/core';
import { Redis, type RedisOptions } from 'ioredis';
import type { RedisLimits } from './limits.ts';
import type { Locator } from './locator.ts';

type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** Where the life of the links is told; a pino logger is one. */
export interface LinkLog {
  info(fields: object, sentence: string): void;
  warn(fields: object, sentence: string): void;
  error(fields: object, sentence: string): void;
}

export interface ConnectOptions {
  readonly url: RedisUrl;
  /** Shared by the links that must not be on different servers. */
  readonly locator: Locator;
  /** Shown by `CLIENT LIST`, with the kind of the link behind it. */
  readonly connectionName: string;
  readonly log: LinkLog;
  readonly limits: RedisLimits;
}

/** One connection for commands. It fails fast: nothing is queued, and nothing sent is sent again, because only the caller knows what may be repeated. */
export function createCommandClient(options: ConnectOptions, at: RedisAddress): Redis {
  return new Redis({
    ...clientOptions(options, at, 'commands'),
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: options.limits.commandMs,
    // A server that is connected but silent: without this, commands would be written to it for ever.
    socketTimeout: options.limits.commandMs * 2,
  });
}

/** One connection of a subscriber link. */
export function createSubscriberClient(options: ConnectOptions, at: RedisAddress): Redis {
  return new Redis({ ...clientOptions(options, at, 'subscriber'), autoResubscribe: false });
}

/** What stands for a connection where there is none: every command fails at once. */
export function createClosedClient(): Redis {
  const client = new Redis({ lazyConnect: true, enableOfflineQueue: false, retryStrategy: null });
  client.disconnect();
  return client;
}

/** Resolves when the connection is closed. */
export async function closeClient(client: Redis): Promise<void> {
  if (client.status === 'end') return;
  const ended = new Promise<void>((resolve) => {
    client.once('end', resolve);
  });
  client.disconnect();
  await ended;
}

/** Lets go of a connection that may be dead: waiting for the other side to close would take minutes. */
export function dropClient(client: Redis): void {
  client.disconnect();
  // The type says that there always is one; before the first attempt there is none.
  const stream: Redis['stream'] | undefined = client.stream;
  stream?.destroy();
}

/** Full jitter: after a restart of Redis, every process of the cluster comes back at once. */
export function backoffMs(
  { backoffFirstMs, backoffMaxMs }: RedisLimits,
  attempt: number,
  random: () => number = Math.random,
): number {
  return Math.ceil(random() * Math.min(backoffFirstMs * 2 ** attempt, backoffMaxMs));
}

/**
 * An error of ioredis carries the command that failed, and with it the password or what was being
 * published. What leaves this package is only what the server or the system said.
 */
export function plainError(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : String(error));
}

/** An answer of the server, and not a connection that broke. */
export function isReply(error: Error): boolean {
  return error.name === 'ReplyError';
}

/** Defined for an answer that waiting cannot change: someone has to correct a setting. */
export function asMisconfigured(error: unknown): Failure | undefined {
  if (!(error instanceof Error)) return undefined;
  if (!isReply(error)) return asTlsMistake(error);
  const said = REFUSALS.find(([pattern]) => pattern.test(error.message));
  return said && new Failure('misconfigured', `${said[1]} It answered: ${error.message}`);
}

/** No connection came about because the two sides do not agree on TLS. */
export function asTlsMistake(error: Error): Failure | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const said = TLS_MISTAKES.find(([pattern]) => pattern.test(code));
  return said && new Failure('misconfigured', `${said[1]} (${code}: ${error.message.trim()})`);
}

/** By the codes of Node, most of which are those of OpenSSL. */
const TLS_MISTAKES: readonly (readonly [code: RegExp, sentence: string])[] = [
  [
    /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_UNTRUSTED|INVALID_CA|CERT_SIGNATURE_FAILURE/,
    'The certificate of Redis is signed by nobody whom this process trusts. NODE_EXTRA_CA_CERTS names a file with whom else to trust.',
  ],
  [
    /ALTNAME_INVALID|HOSTNAME_MISMATCH/,
    'The certificate of Redis is made out to another name than the one in its URL.',
  ],
  [/CERT_(HAS_EXPIRED|NOT_YET_VALID)/, 'The certificate of Redis is not valid at this time.'],
  [
    /CERTIFICATE_REQUIRED/,
    'Redis wants a certificate of its clients, and Fanfare has none: set `tls-auth-clients no`.',
  ],
];

const REFUSALS: readonly (readonly [answer: RegExp, sentence: string])[] = [
  [/^WRONGPASS|^ERR invalid password/i, 'Redis does not accept the user or password of its URL.'],
  [/^NOAUTH/, 'Redis wants a password, and its URL has none.'],
  [/^NOPERM/, 'The Redis user of the URL lacks a permission that is needed.'],
  [/^ERR (DB index|SELECT)/i, 'Redis has no database of the number in its URL.'],
  [/^MOVED/, 'This Redis is one node of a cluster, and its URL names a single server.'],
];

function clientOptions(
  { url, connectionName, limits }: ConnectOptions,
  { host, port }: RedisAddress,
  kind: string,
): ClientOptions {
  const { username, password, database, tls } = url;
  return {
    host,
    port,
    db: database,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
    connectionName: `${connectionName}:${kind}`,
    protocol: 3,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: true,
    // Its owner opens the next one, perhaps to another server.
    retryStrategy: null,
    // A master that became a replica while we were connected.
    reconnectOnError: ({ message }) => message.startsWith('READONLY'),
    noDelay: true,
    keepAlive: 30_000,
    connectTimeout: limits.connectMs,
    // After this a closing connection is cut; what matters has been answered by then.
    disconnectTimeout: 100,
  };
}
