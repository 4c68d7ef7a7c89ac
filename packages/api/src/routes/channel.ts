import type { ChannelCounts, StateReader } from '@fanfare/core';
import { channelKey, type AppId, type ChannelName } from '@fanfare/protocol';
import { decodeChannelName } from '../channel-name.ts';
import type { ApiDeps, Serve } from '../endpoint.ts';
import { httpErrors } from '../http-errors.ts';
import { channelAttributes, decodeQueryInfo, describe, isHidden, isPresence } from '../info.ts';
import { Refusal } from '../refusal.ts';

const NOBODY: ChannelCounts = { subscriptions: 0, users: 0 };

/** `GET /apps/{id}/channels/{channel}`: whether anybody is there, and what else is asked. */
export function channel({ state }: ApiDeps): Serve {
  return async ({ app, params, channel: sent }) => {
    const name = decodeChannelName(sent);
    if (name instanceof Refusal) return name;
    const info = decodeQueryInfo(params, channelAttributes);
    if (info instanceof Refusal) return info;
    if (info?.userCount === true && !isPresence(name)) return httpErrors.userCountChannel();
    if (info?.cache === true) return httpErrors.notAvailable('The cache attribute is');
    const counts = isHidden(name) ? NOBODY : await countsOf(state, app.id, name);
    return JSON.stringify({
      occupied: counts.subscriptions > 0,
      ...(info && describe(name, info, counts)),
    });
  };
}

async function countsOf(state: StateReader, app: AppId, name: ChannelName): Promise<ChannelCounts> {
  const [counts = NOBODY] = await state.counts([channelKey(app, name)]);
  return counts;
}
