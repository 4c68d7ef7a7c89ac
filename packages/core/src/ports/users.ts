import type { ChannelKey } from '@fanfare/protocol';

/** Whether somebody is signed in as a user, as of a version. Versions only grow, with those of the changes. */
export interface Online {
  readonly version: number;
  readonly online: boolean;
}

/**
 * What the cluster knows of users who sign in. A user goes by the channel `#server-to-user-{id}`;
 * its count is that of the sockets that are signed in. When that comes up from nothing or goes down
 * to it, the roster feed tells so, by a change without a user.
 */
export interface UserReader {
  online(users: readonly ChannelKey[]): Promise<readonly Online[]>;
  /** The number of each user's last termination; 0 if there was none lately. */
  terminations(users: readonly ChannelKey[]): Promise<readonly number[]>;
}

/** For who ends the connections of a user. */
export interface UserTerminator {
  /** Writes the termination down and gives it a number, higher than all of this user's before it. */
  terminate(user: ChannelKey): Promise<number>;
}

/**
 * How long a termination is remembered: an edge that was cut off for less ends the connections that
 * it still holds when it is back.
 */
export const TERMINATION_MS = 3_600_000;

/** What is published to the edges that hold the user. */
export function terminationText(number: number): string {
  return `terminate ${number}`;
}

/** Undefined for another text: an edge may be older than who publishes. */
export function parseTermination(text: string): number | undefined {
  const digits = /^terminate (\d{1,16})$/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
