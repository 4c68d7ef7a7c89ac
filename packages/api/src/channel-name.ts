import type { App } from '@fanfare/core';
import {
  broadcastChannel,
  channelNameRule,
  parseChannelName,
  type ChannelName,
} from '@fanfare/protocol';
import { httpErrors } from './http-errors.ts';
import type { Refusal } from './refusal.ts';

export function decodeChannelName(
  value: string,
  { dialect }: Pick<App, 'dialect'>,
): ChannelName | Refusal {
  return (
    parseChannelName(value, dialect) ?? httpErrors.channelName(value, channelNameRule(dialect))
  );
}

/** What an event may go to: a channel, or, where the app allows it, everybody. */
export function decodeTarget(
  value: string,
  app: Pick<App, 'dialect' | 'broadcastEmptyChannel'>,
): ChannelName | Refusal {
  if (value === broadcastChannel && app.broadcastEmptyChannel) return broadcastChannel;
  return decodeChannelName(value, app);
}
