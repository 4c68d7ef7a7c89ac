import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import {
  isFailure,
  type Bus,
  type BusEvents,
  type BusMessage,
  type FailureCode,
} from '@fanfare/core';
import {
  channelKey,
  parseAppId,
  parseChannelName,
  type ChannelKey,
  type SocketId,
} from '@fanfare/protocol';
import type { Redis } from 'ioredis';
import {
  createBusCounters,
  openRedisBus,
  type BusCounters,
  type RedisBusOptions,
  type RedisLimits,
} from '../src/index.ts';
import { partitionOf } from '../src/partitions.ts';
import { Inbox, within } from './inbox.ts';

export interface Heard {
  readonly channel: ChannelKey;
  readonly frame: string;
  readonly except: SocketId | null;
}

export interface BusUnderTest extends AsyncDisposable {
  readonly bus: Bus;
  readonly heard: Inbox<Heard>;
  /** Every change that `onUp` told. */
  readonly ups: Inbox<boolean>;
  readonly counters: BusCounters;
}

export async function openBus(url: string, limits?: Partial<RedisLimits>): Promise<BusUnderTest> {
  const heard = new Inbox<Heard>('message');
  const ups = new Inbox<boolean>('change of the link');
  const events: BusEvents = {
    onMessage: (channel, frame, except) =>
      heard.push({ channel, frame: Buffer.from(frame).toString('utf8'), except }),
    onUp: (up) => ups.push(up),
  };
  const options = optionsFor(url, limits);
  const bus = await openRedisBus(options, events);
  return {
    bus,
    heard,
    ups,
    counters: options.counters,
    [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose](),
  };
}

/** Tests look at what is handed out and counted, never at the log. */
export function optionsFor(
  url: string,
  limits: Partial<RedisLimits> = {},
): RedisBusOptions & { readonly counters: BusCounters } {
  return {
    url,
    connectionName: 'test',
    log: { info: quiet, warn: quiet, error: quiet },
    counters: createBusCounters(),
    limits,
  };
}

export function key(name: string, app = '1001'): ChannelKey {
  const [id, channel] = [parseAppId(app), parseChannelName(name)];
  assert.ok(id !== undefined && channel !== undefined, `${app}/${name}`);
  return channelKey(id, channel);
}

export function keys(count: number, prefix = 'room'): readonly ChannelKey[] {
  return Array.from({ length: count }, (_, index) => key(`${prefix}-${index}`));
}

/** Channels that share one partition, and so one command. */
export function keysOfOnePartition(count: number): readonly ChannelKey[] {
  const found: ChannelKey[] = [];
  for (let index = 0; found.length < count; index += 1) {
    const channel = key(`same-${index}`);
    if (partitionOf(channel) === 7) found.push(channel);
  }
  return found;
}

function quiet(): void {
  // Nothing listens.
}

let messages = 0;

export function message(part: Partial<BusMessage> = {}): BusMessage {
  messages += 1;
  return {
    channel: key('lobby'),
    frame: `frame ${messages}`,
    except: null,
    id: `id-${messages}`,
    recorded: true,
    once: false,
    ...part,
  };
}

/** Every command that the server carries out from now on, except those of this watch. */
export async function watchCommands(client: Redis): Promise<Inbox<readonly string[]>> {
  const monitor = await client.monitor();
  const commands = new Inbox<readonly string[]>('command');
  client.once('end', () => monitor.disconnect());
  monitor.on('monitor', (_time: string, args: readonly string[]) => commands.push(args));
  return commands;
}

/** The arguments of the next command of that name; what else is carried out is skipped. */
export async function nextCommand(
  commands: Inbox<readonly string[]>,
  name: string,
): Promise<readonly string[]> {
  const search = async (): Promise<readonly string[]> => {
    for (;;) {
      const [command, ...args] = await commands.next();
      if (command === name) return args;
    }
  };
  return within(search(), `Redis carried out no ${name}`);
}

/** Fails if it is not refused, if it is with anything but a Failure of that code, or if nothing comes of it. */
export async function assertFails(call: Promise<unknown>, code: FailureCode): Promise<void> {
  const settled = within(call, 'it was neither done nor refused');
  await assert.rejects(settled, (error) => {
    assert.ok(isFailure(error, code), inspect(error));
    return true;
  });
}
