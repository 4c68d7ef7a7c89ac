import { appOfKey, type AppId, type ChannelKey } from '@fanfare/protocol';

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

type ByPartition = Map<number, Set<Topic>>;

/**
 * Topics by partition, as the names of one command must share a slot; and by app, as apps take turns:
 * one that asks for a hundred thousand topics delays the others by one command.
 */
export class TopicQueue {
  readonly #all: ByPartition = new Map();
  /** The first is the next to have its turn. */
  readonly #apps = new Map<AppId, ByPartition>();

  get empty(): boolean {
    return this.#all.size === 0;
  }

  add(topic: Topic): void {
    const app = appOfKey(topic.channel);
    const own: ByPartition = this.#apps.get(app) ?? new Map();
    this.#apps.set(app, own);
    addTo(own, topic);
    addTo(this.#all, topic);
  }

  delete(topic: Topic): void {
    const app = appOfKey(topic.channel);
    const own = this.#apps.get(app);
    if (own === undefined) return;
    deleteFrom(own, topic);
    deleteFrom(this.#all, topic);
    if (own.size === 0) this.#apps.delete(app);
  }

  /**
   * Takes up to `max` topics of one partition, none if the queue is empty: those of the app whose
   * turn it is, and as far as there is room those of others, which cost no command of their own.
   */
  take(max: number): readonly Topic[] {
    for (const [app, own] of this.#apps) {
      for (const [partition, topics] of own) {
        const batch = firstOf(topics, this.#all.get(partition) ?? topics, max);
        for (const topic of batch) this.delete(topic);
        this.#apps.delete(app);
        if (own.size > 0) this.#apps.set(app, own);
        return batch;
      }
    }
    return [];
  }

  clear(): void {
    this.#all.clear();
    this.#apps.clear();
  }
}

function addTo(partitions: ByPartition, topic: Topic): void {
  const topics = partitions.get(topic.partition);
  if (topics === undefined) partitions.set(topic.partition, new Set([topic]));
  else topics.add(topic);
}

function deleteFrom(partitions: ByPartition, topic: Topic): void {
  const topics = partitions.get(topic.partition);
  if (topics === undefined) return;
  topics.delete(topic);
  if (topics.size === 0) partitions.delete(topic.partition);
}

/** Of the one set, and then of the other as far as there is room. */
function firstOf(
  first: ReadonlySet<Topic>,
  others: ReadonlySet<Topic>,
  max: number,
): readonly Topic[] {
  const batch = new Set<Topic>();
  for (const topics of [first, others])
    for (const topic of topics) {
      if (batch.size === max) return [...batch];
      batch.add(topic);
    }
  return [...batch];
}
