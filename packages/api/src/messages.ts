import type { BusMessage } from '@fanfare/core';
import { channelKey, eventFrame, type AppId } from '@fanfare/protocol';
import type { Identity } from './identity.ts';
import type { Trigger } from './trigger.ts';

/** One message for each channel of a trigger. */
export function triggerMessages(
  app: AppId,
  trigger: Trigger,
  { id, once }: Identity,
): readonly BusMessage[] {
  const { event, data, except } = trigger;
  return trigger.channels.map((channel) => ({
    channel: channelKey(app, channel),
    frame: eventFrame(channel, event, data),
    except,
    id,
    recorded: true,
    once,
  }));
}

/** Each event has an id of its own, for two of them may be meant for the same channel. */
export function batchMessages(
  app: AppId,
  triggers: readonly Trigger[],
  { id, once }: Identity,
): readonly BusMessage[] {
  return triggers.flatMap((trigger, index) =>
    triggerMessages(app, trigger, { id: `${id}.${index}`, once }),
  );
}
