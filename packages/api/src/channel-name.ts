import type { App } from '@fanfare/core';
import {
  broadcastChannel,
  channelNameRule,
  fitsChannelName,
  parseChannelName,
  type ChannelName,
} from '@fanfare/protocol';
import { httpErrors } from './http-errors.ts';
import type { Refusal } from './refusal.ts';

export function decodeChannelName(
  value: string,
  { dialect, limits: { maxChannelNameChars: max } }: Pick<App, 'dialect' | 'limits'>,
): ChannelName | Refusal {
  const name = parseChannelName(value, dialect);
  if (name === undefined || !fitsChannelName(name, max))
    return httpErrors.channelName(value, channelNameRule(dialect, max));
  return name;
}

/** What an event may go to: a channel, or, where the app allows it, everybody. */
export function decodeTarget(
  value: string,
  app: Pick<App, 'dialect' | 'limits' | 'broadcastEmptyChannel'>,
): ChannelName | Refusal {
  if (value === broadcastChannel && app.broadcastEmptyChannel) return broadcastChannel;
  return decodeChannelName(value, app);
}
