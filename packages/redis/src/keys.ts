import type { Incarnation } from '@fanfare/core';
import type { AppId, ChannelKey } from '@fanfare/protocol';
import { partitionOf, tagOf } from './partitions.ts';

/**
 * Every name that we use in Redis. Those of a channel begin with the hash tag of its partition, so
 * that one script may touch them together wherever Redis Cluster has put them.
 *
 *     fanfare:layout                       string, the number of partitions; stays for ever
 *     {tag}:h:<app>/<channel>              list, the channel's last messages; 60 s after the last one
 *     {tag}:once:<app>/<channel>:<id>      string, an id that was published once; 120 s
 *     {tag}:c:<app>/<channel>              string, what a cache channel keeps; 30 min after it came. Empty: its lack was told; 5 s
 *     {tag}:s:<app>/<channel>              topic: no key, it holds nothing
 *     {tag}:p:<link>                       topic by which a subscriber link probes itself
 *
 * The state of a partition. Its scripts make these names from the first one, in lua/state-names.lua;
 * "removed" means by the step that finds nothing left to keep.
 *
 *     {tag}:lease                          zset, incarnation -> when its lease runs out; removed by leave and tend
 *     {tag}:dead                           zset, fenced incarnation -> since when; removed by tend after 24 h
 *     {tag}:drain                          hash, fenced incarnation -> how far it was drained; removed by leave and tend
 *     {tag}:n:<incarnation>                hash, subject -> count, '@v' -> version; removed when drained
 *     {tag}:counts                         hash, <app>/<channel> -> subscriptions; removed at zero
 *     {tag}:ix:<app>                       zset without scores, its occupied channels; removed at zero
 *     {tag}:m:<app>/<channel>              hash, user -> sockets; removed at zero
 *     {tag}:i:<app>/<channel>              hash, user -> user_info; removed with the user
 *     {tag}:rosters                        hash, <app>/<channel> -> version of its roster; removed with the last user
 *     {tag}:told                           set, subjects that the app was told to be up; removed when it is told otherwise
 *     {tag}:told-members                   hash, <app>/<channel> -> how many of its members are in told; removed at zero
 *     {tag}:due                            zset, subject -> when to compare it with what was told; removed by tend
 *     {tag}:counted                        hash, <app>/<channel> -> who hears its count, when it was told, what the app knows; removed when zero was told
 *     {tag}:tells                          zset, <app>/<channel> -> when its count is due to be told; removed by leave and tend
 *     {tag}:apps                           set, apps with unrouted events; removed by route
 *     {tag}:q:<app>                        stream, unrouted events; removed by route
 *     {tag}:lanes                          zset, <app>/<hook> -> when it is due; removed when empty
 *     {tag}:l:<app>/<hook>                 stream, events for one hook; removed when empty
 *     {tag}:lk:<app>/<hook>                hash, token and attempts of a lane; removed when empty
 *     {tag}:dl:<app>/<hook>                stream, dead letters; removed by replay, or by tend 30 days after the last one
 *     {tag}:dead-lanes                     zset, <app>/<hook> -> when its dead letters go; removed with them
 *     {tag}:meta                           hash, epoch, grace, hold, alive, polled, tells while some wait, last id and roster version; stays for ever
 *     {tag}:rate:<app>/<kind>              string, what an app owes of its rate, and since when; 1 s after that
 *     {tag}:x:<app>/<channel>              string, number of a user's last termination; an hour after it
 *     {tag}:pe:<app>/<channel>             topic: changes of a presence channel's roster, a user coming online and going offline, or another channel's count
 *
 * The apps, in the names of partition 0 so that one script may touch them together:
 *
 *     {tag}:registry                       hash, id of an app -> its settings; an app stays until it is removed
 *     {tag}:registry-version               string, another one after every change; stays for ever
 *     {tag}:registry-changed               topic: the new version
 */
export const layoutKey = 'fanfare:layout';

const REGISTRY_PARTITION = 0;

export const registryKeys = {
  partition: REGISTRY_PARTITION,
  get hash(): string {
    return `{${tagOf(REGISTRY_PARTITION)}}:registry`;
  },
  get version(): string {
    return `{${tagOf(REGISTRY_PARTITION)}}:registry-version`;
  },
  get topic(): string {
    return `{${tagOf(REGISTRY_PARTITION)}}:registry-changed`;
  },
} as const;

export function historyKey(channel: ChannelKey): string {
  return `${prefix(channel)}h:${channel}`;
}

/** An id has no colon, so what stands behind the last one is the id, whatever the channel's name holds. */
export function onceKey(channel: ChannelKey, id: string): string {
  return `${prefix(channel)}once:${channel}:${id}`;
}

export function cacheKey(channel: ChannelKey): string {
  return `${prefix(channel)}c:${channel}`;
}

export function topicOf(channel: ChannelKey): string {
  return `${prefix(channel)}s:${channel}`;
}

export function probeTopic(partition: number, link: string): string {
  return `{${tagOf(partition)}}:p:${link}`;
}

/** Passed to every script of the state store; the other names of the partition are made from it. */
export function leaseKey(partition: number): string {
  return `{${tagOf(partition)}}:lease`;
}

/** What an incarnation holds, as lua/state-names.lua names it. */
export function holdingsKey(partition: number, incarnation: Incarnation): string {
  return `{${tagOf(partition)}}:n:${incarnation}`;
}

export function countsKey(channel: ChannelKey): string {
  return `${prefix(channel)}counts`;
}

export function membersKey(channel: ChannelKey): string {
  return `${prefix(channel)}m:${channel}`;
}

export function metaKey(channel: ChannelKey): string {
  return `${prefix(channel)}meta`;
}

export function terminationKey(user: ChannelKey): string {
  return `${prefix(user)}x:${user}`;
}

export function occupiedKey(partition: number, app: AppId): string {
  return `{${tagOf(partition)}}:ix:${app}`;
}

export function deadLettersKey(partition: number, app: AppId, hook: string): string {
  return `{${tagOf(partition)}}:dl:${app}/${hook}`;
}

export function rosterTopic(channel: ChannelKey): string {
  return `${prefix(channel)}pe:${channel}`;
}

function prefix(channel: ChannelKey): string {
  return `{${tagOf(partitionOf(channel))}}:`;
}
