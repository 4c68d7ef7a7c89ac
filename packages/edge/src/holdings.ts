import { wantsExistence, type AppRegistry, type ReporterSource, type Subject } from '@fanfare/core';
import { appOfKey, channelOfKey } from '@fanfare/protocol';
import type { Hub } from './hub.ts';

/** What this edge tells the state store of its sockets. */
export function createHoldings(hub: Hub, apps: AppRegistry): ReporterSource {
  return {
    count(subject) {
      const local = hub.get(subject.channel);
      if (subject.kind === 'channel') return local?.subscribed ?? 0;
      return local?.presence?.count(subject.user) ?? 0;
    },
    info(subject) {
      if (subject.kind === 'channel') return '';
      return hub.get(subject.channel)?.presence?.info(subject.user) ?? '';
    },
    told({ kind, channel }) {
      const app = apps.byId(appOfKey(channel));
      return app !== undefined && wantsExistence(app, kind, channelOfKey(channel));
    },
    *held(partition): Iterable<Subject> {
      for (const { key, isBroadcast, subscribed, presence } of hub.inPartition(partition)) {
        if (subscribed > 0 && !isBroadcast) yield { kind: 'channel', channel: key };
        for (const user of presence?.users() ?? []) yield { kind: 'member', channel: key, user };
      }
    },
  };
}
