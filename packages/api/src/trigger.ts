import type { App } from '@fanfare/core';
import {
  eventNameRule,
  isEventName,
  isReservedEvent,
  parseSocketId,
  type ChannelName,
  type Dialect,
  type SocketId,
} from '@fanfare/protocol';
import { decodeTarget } from './channel-name.ts';
import { httpErrors } from './http-errors.ts';
import { countAttributes, decodeInfo, type Info } from './info.ts';
import type { Parameters } from './parameters.ts';
import { Refusal } from './refusal.ts';

/** One event on its way to one or several channels, checked. */
export interface Trigger {
  readonly event: string;
  readonly data: string;
  readonly dataBytes: number;
  /** Each once, in the order given. */
  readonly channels: readonly ChannelName[];
  /** The socket that caused the event and must not hear it back. */
  readonly except: SocketId | null;
  readonly info: Info | undefined;
}

/** What of an app decides which triggers it may send. */
export type TriggerRules = Pick<App, 'limits' | 'dialect' | 'broadcastEmptyChannel'>;

/** A trigger, on as many channels as the app may use at once. Never throws, whatever the parameters. */
export function decodeTrigger(params: Parameters, app: TriggerRules): Trigger | Refusal {
  return decodeEvent(params, decodeChannels(params, app), app);
}

/** One event of a batch, on one channel. */
export function decodeBatchEvent(params: Parameters, app: TriggerRules): Trigger | Refusal {
  return decodeEvent(params, decodeBatchChannel(params, app), app);
}

function decodeEvent(
  params: Parameters,
  channels: readonly ChannelName[] | Refusal,
  { limits: { maxEventBytes, maxEventNameChars }, dialect }: TriggerRules,
): Trigger | Refusal {
  const event = decodeEventName(params.value('name'), dialect, maxEventNameChars);
  if (event instanceof Refusal) return event;
  if (channels instanceof Refusal) return channels;
  const data = decodeData(params.value('data'));
  if (data instanceof Refusal) return data;
  const dataBytes = Buffer.byteLength(data);
  if (dataBytes > maxEventBytes) return httpErrors.dataTooLarge(maxEventBytes);
  const except = decodeSocketId(params.value('socket_id'));
  if (except instanceof Refusal) return except;
  const info = decodeInfo(params.value('info'), countAttributes);
  if (info instanceof Refusal) return info;
  return { event, data, dataBytes, channels, except, info };
}

function decodeEventName(value: unknown, dialect: Dialect, maxChars: number): string | Refusal {
  if (value === undefined || value === null) return httpErrors.parameterMissing('name');
  if (typeof value !== 'string') return httpErrors.parameterType('name', 'a string');
  if (!isEventName(value, dialect, maxChars))
    return httpErrors.eventName(value, eventNameRule(dialect, maxChars));
  return isReservedEvent(value) ? httpErrors.eventNameReserved(value) : value;
}

/** Any text will do, also an empty one. What is no text reaches clients as its JSON. */
function decodeData(value: unknown): string | Refusal {
  if (typeof value === 'string') return value;
  if (value === undefined) return httpErrors.parameterMissing('data');
  try {
    return JSON.stringify(value);
  } catch (error) {
    // JSON.parse takes any depth, and JSON.stringify runs out of stack at some.
    if (error instanceof RangeError) return httpErrors.dataTooDeep();
    throw error;
  }
}

function decodeChannels(params: Parameters, app: TriggerRules): readonly ChannelName[] | Refusal {
  const several = params.list('channels');
  if (several === undefined || several === null) {
    const one = params.value('channel');
    if (one === undefined || one === null) return httpErrors.parameterMissing('channels');
    return oneChannel(one, app);
  }
  if (!Array.isArray(several)) return httpErrors.parameterType('channels', 'an array of strings');
  const { maxChannelsPerTrigger: max } = app.limits;
  if (several.length === 0 || several.length > max)
    return httpErrors.channelCount(max, several.length);
  const channels = new Set<ChannelName>();
  for (const value of several as readonly unknown[]) {
    if (typeof value !== 'string')
      return httpErrors.parameterType('channels', 'an array of strings');
    const channel = decodeTarget(value, app);
    if (channel instanceof Refusal) return channel;
    channels.add(channel);
  }
  return [...channels];
}

function decodeBatchChannel(
  params: Parameters,
  app: TriggerRules,
): readonly ChannelName[] | Refusal {
  const value = params.value('channel');
  if (value === undefined || value === null) return httpErrors.parameterMissing('channel');
  const others = params.value('channels');
  if (others !== undefined && others !== null) return httpErrors.batchChannels();
  return oneChannel(value, app);
}

function oneChannel(value: unknown, app: TriggerRules): readonly ChannelName[] | Refusal {
  if (typeof value !== 'string') return httpErrors.parameterType('channel', 'a string');
  const channel = decodeTarget(value, app);
  return channel instanceof Refusal ? channel : [channel];
}

function decodeSocketId(value: unknown): SocketId | null | Refusal {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') return httpErrors.parameterType('socket_id', 'a string');
  return parseSocketId(value) ?? httpErrors.socketId(value);
}
