import type { StateReader } from '@fanfare/core';
import { channelKey, type AppId, type ChannelName } from '@fanfare/protocol';
import type { ApiDeps, Serve } from '../endpoint.ts';
import { httpErrors } from '../http-errors.ts';
import {
  countAttributes,
  decodeQueryInfo,
  describe,
  isHidden,
  type Counts,
  type Info,
} from '../info.ts';
import { queryValue } from '../query.ts';
import { Refusal } from '../refusal.ts';

/**
 * Channels that one answer names: some ten megabytes. More are refused and not cut, for a list
 * that looks whole and is not would be believed.
 */
const CHANNELS_MAX = 50_000;

type Entry = readonly [channel: ChannelName, counts: Counts];

/** `GET /apps/{id}/channels`: the occupied channels of the app. */
export function channels({ state }: ApiDeps): Serve {
  return async ({ app, params }) => {
    const info = decodeQueryInfo(params, countAttributes);
    if (info instanceof Refusal) return info;
    const prefix = queryValue(params, 'filter_by_prefix') ?? '';
    if (info?.userCount === true && !prefix.startsWith('presence-'))
      return httpErrors.userCountPrefix();
    const occupied = await state.occupied(app.id, prefix);
    const names = occupied.filter((channel) => !isHidden(channel));
    if (names.length > CHANNELS_MAX) return httpErrors.channelsListed(CHANNELS_MAX);
    const entries =
      info === undefined ? names.map(uncounted) : await countEach(state, app.id, names, info);
    return JSON.stringify({ channels: Object.fromEntries(entries) });
  };
}

function uncounted(channel: ChannelName): Entry {
  return [channel, {}];
}

async function countEach(
  state: StateReader,
  app: AppId,
  names: readonly ChannelName[],
  info: Info,
): Promise<readonly Entry[]> {
  if (names.length === 0) return [];
  const counts = await state.counts(names.map((channel) => channelKey(app, channel)));
  return names.flatMap((channel, index): readonly Entry[] => {
    const found = counts[index];
    // The last may have left between the two reads; the list has occupied channels only.
    if (found === undefined || found.subscriptions === 0) return [];
    return [[channel, describe(channel, info, found)]];
  });
}
