import {
  Failure,
  type Bus,
  type BusEvents,
  type BusMessage,
  type Place,
  type Recalled,
} from '@fanfare/core';
import type { ChannelKey, SocketId } from '@fanfare/protocol';
import { Inbox } from './inbox.ts';

/** A subscribe that the bus was asked for, to be answered when the test says so. */
export interface Asked {
  readonly channel: ChannelKey;
  readonly answer: () => void;
  readonly fail: () => void;
}

/** A read of what a cache channel keeps, to be answered when the test says so. */
export interface AskedRecall {
  readonly channel: ChannelKey;
  readonly telling: boolean;
  readonly answer: (recalled: Recalled) => void;
  readonly fail: () => void;
}

/** A bus whose answers come when the test wants them; it delivers nothing by itself. */
export class ControlledBus implements Bus {
  readonly asked = new Inbox<Asked>('subscribe on the bus');
  readonly recalls = new Inbox<AskedRecall>('read of a cache channel');
  readonly published: BusMessage[] = [];
  /** What the bus has to deliver: from subscribe until it fails or is taken back. */
  readonly wanted = new Map<ChannelKey, Asked>();
  /** Every channel that was given up, in order. */
  readonly unsubscribed: ChannelKey[] = [];
  up = true;
  /** While set, publish rejects. */
  refusing = false;
  closed = false;
  events: BusEvents = { onMessage() {}, onUp() {} };

  async subscribe(channel: ChannelKey): Promise<void> {
    if (this.wanted.has(channel)) throw new Error(`the bus was asked for ${channel} twice`);
    await new Promise<void>((resolve, reject) => {
      const asked: Asked = {
        channel,
        answer: resolve,
        fail: () => {
          if (this.wanted.get(channel) === asked) this.wanted.delete(channel);
          reject(new Failure('unavailable', 'the bus did not answer in time'));
        },
      };
      this.wanted.set(channel, asked);
      this.asked.push(asked);
    });
  }

  unsubscribe(channel: ChannelKey): void {
    if (!this.wanted.delete(channel)) throw new Error(`the bus never had ${channel}`);
    this.unsubscribed.push(channel);
  }

  async publish(messages: readonly BusMessage[]): Promise<void> {
    if (this.refusing) throw new Failure('unavailable', 'the bus is away');
    this.published.push(...messages);
  }

  async recall(channel: ChannelKey, telling: boolean): Promise<Recalled> {
    return new Promise((answer, reject) => {
      const fail = (): void => reject(new Failure('unavailable', 'the bus is away'));
      this.recalls.push({ channel, telling, answer, fail });
    });
  }

  /** Hands out an event as the real ones do: only of channels that are wanted; unrecorded unless it has a place. */
  deliver(
    channel: ChannelKey,
    frame: string,
    except: SocketId | null = null,
    place: Place = { epoch: '0', seq: 0 },
  ): void {
    if (this.wanted.has(channel)) this.events.onMessage(channel, Buffer.from(frame), except, place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
  }
}
