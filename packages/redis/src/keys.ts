import type { ChannelKey } from '@fanfare/protocol';
import { partitionOf, tagOf } from './partitions.ts';

/**
 * Every name that we use in Redis. Those of a channel begin with the hash tag of its partition, so
 * that one script may touch them together wherever Redis Cluster has put them.
 *
 *     fanfare:layout                       string, the number of partitions; stays for ever
 *     {tag}:h:<app>/<channel>              list, the channel's last messages; 60 s after the last one
 *     {tag}:once:<app>/<channel>:<id>      string, an id that was published once; 120 s
 *     {tag}:s:<app>/<channel>              topic: no key, it holds nothing
 *     {tag}:p:<link>                       topic by which a subscriber link probes itself
 */
export const layoutKey = 'fanfare:layout';

export function historyKey(channel: ChannelKey): string {
  return `${prefix(channel)}h:${channel}`;
}

/** An id has no colon, so what stands behind the last one is the id, whatever the channel's name holds. */
export function onceKey(channel: ChannelKey, id: string): string {
  return `${prefix(channel)}once:${channel}:${id}`;
}

export function topicOf(channel: ChannelKey): string {
  return `${prefix(channel)}s:${channel}`;
}

export function probeTopic(partition: number, link: string): string {
  return `{${tagOf(partition)}}:p:${link}`;
}

function prefix(channel: ChannelKey): string {
  return `{${tagOf(partitionOf(channel))}}:`;
}
