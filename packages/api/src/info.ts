import type { ChannelCounts, StateReader } from '@fanfare/core';
import { channelKey, channelTraits, type AppId, type ChannelName } from '@fanfare/protocol';
import { httpErrors } from './http-errors.ts';
import type { Refusal } from './refusal.ts';

/** What a caller wants to know of the channels it triggers on. */
export interface Info {
  readonly userCount: boolean;
  readonly subscriptionCount: boolean;
}

export interface Question {
  readonly channel: ChannelName;
  /** Undefined asks nothing, and has an empty answer. */
  readonly info: Info | undefined;
}

export type Counts = Readonly<Record<string, number>>;

/** Undefined when nothing is asked: without the parameter, with null, and with Ruby's empty text. */
export function decodeInfo(value: unknown): Info | undefined | Refusal {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') return httpErrors.parameterType('info', 'a string');
  const attributes = value.split(',').map((attribute) => attribute.trim());
  const unknown = attributes.find(
    (attribute) => attribute !== 'user_count' && attribute !== 'subscription_count',
  );
  if (unknown !== undefined) return httpErrors.infoAttribute(unknown);
  return {
    userCount: attributes.includes('user_count'),
    subscriptionCount: attributes.includes('subscription_count'),
  };
}

/** One answer for each question, in their order; all are read in one go. */
export async function readCounts(
  state: StateReader | undefined,
  app: AppId,
  questions: readonly Question[],
): Promise<readonly Counts[] | Refusal> {
  if (state === undefined) return httpErrors.notAvailable('The info parameter is');
  const counts = await state.counts(questions.map(({ channel }) => channelKey(app, channel)));
  return questions.map((question, index) => describe(question, counts[index]));
}

/** Only presence channels count users; an attribute that a channel does not have is left out. */
function describe({ channel, info }: Question, counts: ChannelCounts | undefined): Counts {
  if (info === undefined || counts === undefined) return {};
  const presence = channelTraits(channel).kind === 'presence';
  return {
    ...(info.userCount && presence && { user_count: counts.users }),
    ...(info.subscriptionCount && { subscription_count: counts.subscriptions }),
  };
}
