import { channelOfKey, appOfKey, type AppId, type ChannelKey } from '@fanfare/protocol';
import type { Subject } from '../ports/state.ts';
import type { WebhookEvent } from '../ports/outbox.ts';

/** A subject as one string: neither part before the user's id can hold a tab, and the id stands last. */
export type SubjectKey = string;

export function subjectKey(subject: Subject): SubjectKey {
  return subject.kind === 'channel'
    ? `c\t${subject.channel}`
    : `m\t${subject.channel}\t${subject.user}`;
}

/** The other way. Only what `subjectKey` made is given to it. */
export function parseSubjectKey(key: SubjectKey): Subject {
  const channelEnd = key.indexOf('\t', 2);
  if (key.startsWith('c\t') && channelEnd === -1)
    return { kind: 'channel', channel: key.slice(2) as ChannelKey }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the part that was joined
  if (!key.startsWith('m\t') || channelEnd === -1) throw new Error(`no subject: ${key}`);
  return {
    kind: 'member',
    channel: key.slice(2, channelEnd) as ChannelKey, // oxlint-disable-line typescript/no-unsafe-type-assertion -- the part that was joined
    user: key.slice(channelEnd + 1),
  };
}

export function appOf(subject: Subject): AppId {
  return appOfKey(subject.channel);
}

/** What a webhook tells of how many subscriptions a channel has. */
export function countEvent(key: ChannelKey, count: number): WebhookEvent {
  return {
    name: 'subscription_count',
    channel: channelOfKey(key),
    subscription_count: count,
  };
}

/** What a webhook tells of a subject that came up or went down. */
export function existenceEvent(subject: Subject, up: boolean): WebhookEvent {
  const channel = channelOfKey(subject.channel);
  return subject.kind === 'channel'
    ? { name: up ? 'channel_occupied' : 'channel_vacated', channel }
    : { name: up ? 'member_added' : 'member_removed', channel, user_id: subject.user };
}
