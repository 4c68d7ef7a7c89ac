import { Failure, type RedisAddress, type RedisSentinels } from '@fanfare/core';
import { Redis } from 'ioredis';
import { asTlsMistake, isReply, plainError, type LinkLog } from './connect.ts';
import type { RedisLimits } from './limits.ts';
import { asPairs, asNumber, asText, asList } from './reply.ts';

/** What a sentinel knows of the master. The highest epoch is the latest. */
export interface MasterKnown {
  readonly address: RedisAddress;
  readonly epoch: number;
}

export interface SentinelOptions {
  readonly connectionName: string;
  readonly log: LinkLog;
  readonly limits: RedisLimits;
}

/** A connection to one sentinel, for one question or many. It does not come back by itself. */
export class Sentinel {
  readonly #client: Redis;
  readonly #master: string;
  /** What it said when the connection did not come about; a command says only that there is none. */
  #trouble: unknown;

  constructor(
    { host, port }: RedisAddress,
    { master, username, password, tls }: RedisSentinels,
    { connectionName, limits }: SentinelOptions,
  ) {
    this.#master = master;
    this.#client = new Redis({
      host,
      port,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(tls && { tls: {} }),
      connectionName: `${connectionName}:sentinel`,
      // Answers have one shape then.
      protocol: 2,
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      maxRetriesPerRequest: 0,
      retryStrategy: null,
      noDelay: true,
      connectTimeout: limits.commandMs,
      commandTimeout: limits.commandMs,
      disconnectTimeout: 100,
    });
    this.#client.on('error', (error: unknown) => {
      this.#trouble ??= error;
    });
  }

  /** Rejects with `Failure('misconfigured')` for an answer that waiting cannot change. */
  async ask(): Promise<MasterKnown> {
    try {
      if (this.#client.status === 'wait') await this.#client.connect();
      // The epoch first: an address that is newer than its epoch is harmless, an older one would stay.
      const [about, address] = await Promise.all([
        this.#client.call('SENTINEL', 'MASTER', this.#master),
        this.#client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#master),
      ]);
      const [host, port] = asList(address);
      const epoch = new Map(asPairs(about)).get('config-epoch');
      return { address: { host: asText(host), port: asNumber(port) }, epoch: asNumber(epoch) };
    } catch (error) {
      throw this.#explained(this.#trouble ?? error);
    }
  }

  close(): void {
    this.#client.disconnect();
    // The type says that there always is one; before the first attempt there is none.
    const stream: Redis['stream'] | undefined = this.#client.stream;
    stream?.destroy();
  }

  #explained(error: unknown): Error {
    if (!(error instanceof Error)) return plainError(error);
    if (!isReply(error)) return asTlsMistake(error) ?? plainError(error);
    const said = REFUSALS.find(([pattern]) => pattern.test(error.message));
    if (said === undefined) return plainError(error);
    const sentence = said[1].replace('%', this.#master);
    return new Failure('misconfigured', `${sentence} They answered: ${error.message}`);
  }
}

const REFUSALS: readonly (readonly [answer: RegExp, sentence: string])[] = [
  [/^ERR No such master/i, 'The sentinels of the URL know no master named %.'],
  [
    /^WRONGPASS|^ERR invalid password|^ERR AUTH/i,
    'The sentinels of the URL do not accept its sentinelUser or sentinelPassword.',
  ],
  [/^NOAUTH/, 'The sentinels want a password, and the URL has no sentinelPassword.'],
  [/^NOPERM/, 'The sentinelUser of the URL lacks a permission that is needed.'],
  [/^ERR unknown command/i, 'What answers at the addresses of the URL are no sentinels.'],
];
