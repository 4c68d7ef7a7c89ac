import type { ChannelKey } from '@fanfare/protocol';
import type { Roster, RosterChange } from './state.ts';

/**
 * Tells one process of the changes of the rosters that it has asked for, in their order, and how
 * many subscriptions its channels have, where somebody wants to hear that.
 */
export interface RosterFeed extends AsyncDisposable {
  /**
   * When this resolves, every later change of the channel's roster or count reaches this process. Rejects
   * with `Failure('unavailable')` when that could not be had in time.
   */
  subscribe(channel: ChannelKey): Promise<void>;
  unsubscribe(channel: ChannelKey): void;
}

export interface RosterFeedEvents {
  onChange(channel: ChannelKey, change: RosterChange): void;
  /** The channel's subscriptions in the cluster; never 0. The same figure may come again. */
  onCount(channel: ChannelKey, count: number): void;
  /** Changes or counts may have been missed and later ones arrive again: of this channel, or of all. */
  onGap(channel: ChannelKey | undefined): void;
}

/** For who has missed changes. */
export interface RosterReader {
  /** The members as of one moment; version 0 when nobody is in. */
  roster(channel: ChannelKey): Promise<Roster>;
}
