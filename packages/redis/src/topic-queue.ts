import type { ChannelKey } from '@fanfare/protocol';

/** One Redis topic that this process holds or wants. */
export interface Topic {
  readonly name: string;
  readonly channel: ChannelKey;
  readonly partition: number;
  /** Somebody here wants its messages; if not, it only lingers. */
  wanted: boolean;
  /** `wanted`, and a subscribe to it has resolved. */
  held: boolean;
  /** `live` once Redis has confirmed it on the present connection. */
  phase: 'waiting' | 'asked' | 'live';
  /** It was live and the connection was lost: until it is live again, messages may be missing. */
  missed: boolean;
  waiters: readonly Waiter[];
  lingersUntilMs: number;
}

export interface Waiter {
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Topics by partition: the names of one command must share a slot. */
export class TopicQueue {
  readonly #partitions = new Map<number, Set<Topic>>();

  get empty(): boolean {
    return this.#partitions.size === 0;
  }

  add(topic: Topic): void {
    const topics = this.#partitions.get(topic.partition);
    if (topics === undefined) this.#partitions.set(topic.partition, new Set([topic]));
    else topics.add(topic);
  }

  delete(topic: Topic): void {
    const topics = this.#partitions.get(topic.partition);
    if (topics === undefined) return;
    topics.delete(topic);
    if (topics.size === 0) this.#partitions.delete(topic.partition);
  }

  /** Takes up to `max` topics of one partition; none if the queue is empty. */
  take(max: number): readonly Topic[] {
    const batch: Topic[] = [];
    for (const topics of this.#partitions.values()) {
      for (const topic of topics) {
        if (batch.length === max) break;
        batch.push(topic);
      }
      break;
    }
    for (const topic of batch) this.delete(topic);
    return batch;
  }

  clear(): void {
    this.#partitions.clear();
  }
}
