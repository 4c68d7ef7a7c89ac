import type { ChannelCounts, EventCache, StateReader } from '@fanfare/core';
import { channelKey, type AppId, type ChannelName } from '@fanfare/protocol';
import { decodeChannelName } from '../channel-name.ts';
import type { ApiDeps, Serve } from '../endpoint.ts';
import { httpErrors } from '../http-errors.ts';
import {
  channelAttributes,
  decodeQueryInfo,
  describe,
  isCache,
  isHidden,
  isPresence,
} from '../info.ts';
import { Refusal } from '../refusal.ts';

const NOBODY: ChannelCounts = { subscriptions: 0, users: 0 };

/** `GET /apps/{id}/channels/{channel}`: whether anybody is there, and what else is asked. */
export function channel({ state, cache }: ApiDeps): Serve {
  return async ({ app, params, channel: sent }) => {
    const name = decodeChannelName(sent, app);
    if (name instanceof Refusal) return name;
    const info = decodeQueryInfo(params, channelAttributes);
    if (info instanceof Refusal) return info;
    if (info?.userCount === true && !isPresence(name)) return httpErrors.userCountChannel();
    if (info?.cache === true && !isCache(name)) return httpErrors.cacheChannel();
    const [counts, cached] = await Promise.all([
      isHidden(name) ? NOBODY : countsOf(state, app.id, name),
      info?.cache === true ? cachedIn(cache, app.id, name) : undefined,
    ]);
    return JSON.stringify({
      occupied: counts.subscriptions > 0,
      ...(info && describe(name, info, counts)),
      ...(cached !== undefined && { cache: cached }),
    });
  };
}

interface Cached {
  readonly data: string;
  /** Whole seconds for which it will be kept. */
  readonly ttl: number;
}

/** The data of the channel's last event; its name is nobody's business here. */
async function cachedIn(cache: EventCache, app: AppId, name: ChannelName): Promise<Cached | null> {
  const { event } = await cache.recall(channelKey(app, name), false);
  if (event === undefined) return null;
  const { data } = JSON.parse(event.frame) as { readonly data: string }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a frame of our own, see triggerMessages
  return { data, ttl: Math.floor(event.leftMs / 1000) };
}

async function countsOf(state: StateReader, app: AppId, name: ChannelName): Promise<ChannelCounts> {
  const [counts = NOBODY] = await state.counts([channelKey(app, name)]);
  return counts;
}
