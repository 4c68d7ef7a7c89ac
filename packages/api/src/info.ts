import type { ChannelCounts, StateReader } from '@fanfare/core';
import {
  broadcastChannel,
  channelKey,
  channelTraits,
  isReservedChannel,
  type AppId,
  type ChannelKey,
  type ChannelName,
  type QueryParam,
} from '@fanfare/protocol';
import { httpErrors } from './http-errors.ts';
import { queryList } from './query.ts';
import type { Refusal } from './refusal.ts';

/** What a caller wants to know of channels. */
export interface Info {
  readonly userCount: boolean;
  readonly subscriptionCount: boolean;
  readonly cache: boolean;
}

type Attribute = 'user_count' | 'subscription_count' | 'cache';

/** What a trigger and a list tell of each channel. */
export const countAttributes: readonly Attribute[] = ['user_count', 'subscription_count'];
/** What can be asked of one channel. */
export const channelAttributes: readonly Attribute[] = [...countAttributes, 'cache'];

export interface Question {
  readonly channel: ChannelName;
  /** Undefined asks nothing, and has an empty answer. */
  readonly info: Info | undefined;
}

export type Counts = Readonly<Record<string, number>>;

/** Undefined when nothing is asked: without the parameter, with null, and with Ruby's empty text. */
export function decodeInfo(
  value: unknown,
  known: readonly Attribute[],
): Info | undefined | Refusal {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') return httpErrors.parameterType('info', 'a string');
  const attributes = value.split(',').map((attribute) => attribute.trim());
  const unknown = attributes.find((attribute) => !known.some((each) => each === attribute));
  if (unknown !== undefined) return httpErrors.infoAttribute(unknown, known.join(', '));
  return {
    userCount: attributes.includes('user_count'),
    subscriptionCount: attributes.includes('subscription_count'),
    cache: attributes.includes('cache'),
  };
}

/** In a query `info` may also be an array, as PHP and Ruby send one. */
export function decodeQueryInfo(
  params: readonly QueryParam[],
  known: readonly Attribute[],
): Info | undefined | Refusal {
  return decodeInfo(queryList(params, 'info')?.join(','), known);
}

/**
 * One answer for each question, in their order. All are read in one go, each channel once, and
 * only those of which something is asked that they have.
 */
export async function readCounts(
  state: StateReader,
  app: AppId,
  questions: readonly Question[],
): Promise<readonly Counts[]> {
  const keys = new Set<ChannelKey>();
  for (const { channel, info } of questions)
    if (info !== undefined && counted(channel, info)) keys.add(channelKey(app, channel));
  if (keys.size === 0) return questions.map(() => ({}));
  const asked = [...keys];
  const read = await state.counts(asked);
  const counts = new Map(asked.map((key, index) => [key, read[index]]));
  return questions.map(({ channel, info }) => {
    const found = counts.get(channelKey(app, channel));
    return info === undefined || found === undefined ? {} : describe(channel, info, found);
  });
}

/** An attribute that a channel does not have is left out: only presence channels count users. */
export function describe(
  channel: ChannelName,
  { userCount, subscriptionCount }: Info,
  { users, subscriptions }: ChannelCounts,
): Counts {
  return {
    ...(userCount && isPresence(channel) && { user_count: users }),
    ...(subscriptionCount && { subscription_count: subscriptions }),
  };
}

export function isPresence(channel: ChannelName): boolean {
  return channelTraits(channel).kind === 'presence';
}

export function isCache(channel: ChannelName): boolean {
  return channelTraits(channel).cache;
}

/**
 * The channel on which the server reaches the sockets of one user. It is in no list, asked for by
 * name it is unoccupied, and a trigger is told nothing of it. What we keep for ourselves
 * has no name that anybody could ask for.
 */
export function isHidden(channel: ChannelName): boolean {
  return channelTraits(channel).kind === 'user' || isReservedChannel(channel);
}

function counted(channel: ChannelName, { userCount, subscriptionCount }: Info): boolean {
  // Who hears what goes to everybody is a matter of the edges; the state knows nothing of it.
  if (isHidden(channel) || channel === broadcastChannel) return false;
  return subscriptionCount || (userCount && isPresence(channel));
}
