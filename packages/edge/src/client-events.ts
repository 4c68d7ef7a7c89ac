import { wantsEvent, type App, type Bus, type EdgeReporter } from '@fanfare/core';
import {
  channelKey,
  eventFrame,
  type ChannelKey,
  type ChannelName,
  type SocketId,
} from '@fanfare/protocol';
import type { EdgeCounters } from './counters.ts';
import type { EdgeEvents } from './events.ts';

/** Where client events go. */
export interface ClientEventContext {
  readonly bus: Bus;
  readonly reporter: Pick<EdgeReporter, 'append'>;
  readonly counters: EdgeCounters;
  readonly events: EdgeEvents;
  readonly newId: () => string;
}

/** A client event that may go out. */
export interface ClientEvent {
  readonly app: App;
  readonly channel: ChannelName;
  readonly event: string;
  readonly data: string;
  readonly sender: SocketId;
  /** Whom the sender stands for on a presence channel. */
  readonly user: string | undefined;
}

/** Neither acknowledged nor kept: what the bus or the outbox cannot take now is counted and dropped. */
export function sendClientEvent(context: ClientEventContext, clientEvent: ClientEvent): void {
  const { bus, counters, events, newId } = context;
  const { app, channel, event, data, sender, user } = clientEvent;
  const key = channelKey(app.id, channel);
  const frame = eventFrame(channel, event, data, user);
  counters.clientEvents += 1;
  bus
    .publish([{ channel: key, frame, except: sender, id: newId(), recorded: false, once: false }])
    .catch((error: unknown) => {
      counters.clientEventsDropped += 1;
      events.clientEventLost(error);
    });
  if (wantsEvent(app, 'client_event', channel)) void tellApp(context, key, clientEvent);
}

async function tellApp(
  { reporter, counters, events }: ClientEventContext,
  key: ChannelKey,
  { channel, event, data, sender, user }: ClientEvent,
): Promise<void> {
  try {
    const taken = await reporter.append(key, {
      name: 'client_event',
      channel,
      event,
      data,
      socket_id: sender,
      ...(user !== undefined && { user_id: user }),
    });
    if (!taken) counters.clientEventsUntold += 1;
  } catch (error) {
    counters.clientEventsUntold += 1;
    events.stateFailed(error);
  }
}
