import {
  wantsCount,
  wantsExistence,
  type AppRegistry,
  type ReporterSource,
  type Subject,
} from '@fanfare/core';
import { appOfKey, channelOfKey, isReservedChannel, type ChannelKey } from '@fanfare/protocol';
import type { Hub, LocalChannel } from './hub.ts';
import type { ConnectionQuota } from './quota.ts';

/** What this edge tells the state store of its sockets. */
export function createHoldings(
  hub: Hub,
  apps: AppRegistry,
  quota: Pick<ConnectionQuota, 'count' | 'held'>,
): ReporterSource {
  return {
    count(subject) {
      if (isReservedChannel(channelOfKey(subject.channel)))
        return quota.count(appOfKey(subject.channel));
      const local = hub.get(subject.channel);
      if (subject.kind === 'channel') return local === undefined ? 0 : socketsOf(local);
      return local?.presence?.count(subject.user) ?? 0;
    },
    info(subject) {
      if (subject.kind === 'channel') return '';
      return hub.get(subject.channel)?.presence?.info(subject.user) ?? '';
    },
    told({ kind, channel }) {
      if (isReservedChannel(channelOfKey(channel))) return false;
      const app = apps.byId(appOfKey(channel));
      return app !== undefined && wantsExistence(app, kind, channelOfKey(channel));
    },
    wish({ kind, channel }) {
      const app = kind === 'channel' ? apps.byId(appOfKey(channel)) : undefined;
      const wish = app === undefined ? undefined : wantsCount(app, channelOfKey(channel));
      if (wish === undefined) return undefined;
      return { ...wish, asked: hub.get(channel)?.count?.isAwaited === true };
    },
    *held(partition): Iterable<Subject> {
      yield* quota.held(partition);
      for (const local of hub.inPartition(partition)) {
        const { key, isBroadcast, presence } = local;
        if (!isBroadcast && socketsOf(local) > 0) yield { kind: 'channel', channel: key };
        for (const user of presence?.users() ?? []) yield { kind: 'member', channel: key, user };
      }
    },
  };
}

/** On a presence channel whoever was let in counts, also before the confirmation: no member is without the channel. */
function socketsOf({ subscribed, presence }: LocalChannel): number {
  return presence?.size ?? subscribed;
}

/** Whether the subscribers of a channel are told how many they are. */
export function isCounted(apps: AppRegistry, channel: ChannelKey): boolean {
  const app = apps.byId(appOfKey(channel));
  return app !== undefined && wantsCount(app, channelOfKey(channel))?.subscribers === true;
}
