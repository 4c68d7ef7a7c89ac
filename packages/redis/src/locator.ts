import type { RedisAddress } from '@fanfare/core';

/** Knows to which server a connection is made. */
export interface Locator {
  /** Whether the server has to be a master by its own word; what a locator says may be of a moment ago. */
  readonly mastersOnly: boolean;
  /** Asked before every connection. Rejects when it cannot be found out, to be asked again later. */
  locate(): Promise<RedisAddress>;
  /** Tells when another server has taken over, until what is returned is called. */
  watch(onMoved: (address: RedisAddress) => void): () => void;
}

/** Of a server that stays where it is. */
export function createFixedLocator(address: RedisAddress): Locator {
  return { mastersOnly: false, locate: async () => address, watch: () => () => {} };
}

export function isSameAddress(one: RedisAddress, other: RedisAddress): boolean {
  return one.host === other.host && one.port === other.port;
}

export function addressText({ host, port }: RedisAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
