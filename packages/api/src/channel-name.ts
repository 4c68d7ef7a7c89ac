import { limits, parseChannelName, type ChannelName } from '@fanfare/protocol';
import { httpErrors } from './http-errors.ts';
import type { Refusal } from './refusal.ts';

export function decodeChannelName(value: string): ChannelName | Refusal {
  return parseChannelName(value) ?? httpErrors.channelName(value, limits.channelNameChars);
}
