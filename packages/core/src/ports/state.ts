import type { AppId, ChannelKey, ChannelName } from '@fanfare/protocol';

/**
 * What the cluster knows of its channels, read without asking any edge. No implementation exists
 * yet: the API answers 501 where it is needed and none was given.
 */
export interface StateReader {
  counts(channels: readonly ChannelKey[]): Promise<readonly ChannelCounts[]>;
  /** Occupied channels whose name begins with the prefix. */
  occupied(app: AppId, prefix: string): Promise<readonly ChannelName[]>;
  /** Distinct ids of the members of a presence channel. */
  users(channel: ChannelKey): Promise<readonly string[]>;
}

export interface ChannelCounts {
  readonly subscriptions: number;
  /** Distinct users; 0 on a channel that is no presence channel. */
  readonly users: number;
}
