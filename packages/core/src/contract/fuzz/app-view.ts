import type { OutboxEntry, WebhookEvent } from '../../ports/outbox.ts';

/** What one hook of the app believes, from what was delivered to it. */
export class AppView {
  readonly up = new Set<string>();
  /** How many subscriptions a channel has, by what came last. */
  readonly #counts = new Map<string, number>();
  /** Subjects that were told the same twice, by events with different ids. */
  readonly repeats: string[] = [];
  /** Client events that came while the app did not believe their channel and member to be up. */
  readonly strays: string[] = [];
  /** Members that came before their channel or were in it when it went, for a hook that hears of both. */
  readonly disorders: string[] = [];
  /** What was said in client events, each as often as it was told. */
  readonly said: string[] = [];
  /** Every event in the order in which it first came. */
  readonly history: OutboxEntry[] = [];
  readonly #seen = new Set<string>();

  /** What the app would believe if those had been delivered too, each before what came later. */
  with(late: readonly OutboxEntry[]): AppView {
    const view = new AppView();
    const waiting = [...late];
    for (const entry of this.history) {
      while (waiting[0] !== undefined && isBefore(waiting[0], entry))
        view.take(waiting.splice(0, 1));
      view.take([entry]);
    }
    view.take(waiting);
    return view;
  }

  /** What the app last heard of counts must be what they are. */
  wrongCounts(counts: readonly (readonly [channel: string, count: number])[]): readonly string[] {
    return counts
      .map(([channel, count]) => ({ channel, count, heard: this.#counts.get(channel) ?? 0 }))
      .filter(({ count, heard }) => count !== heard)
      .map(({ channel, count, heard }) => `${channel} has ${count}, the app heard ${heard}`);
  }

  take(entries: readonly OutboxEntry[]): void {
    for (const entry of entries) {
      const { id, event } = entry;
      // An app recognises a redelivery by the id.
      if (this.#seen.has(id)) continue;
      this.#seen.add(id);
      this.history.push(entry);
      if (event.name === 'client_event') {
        this.#hear(event);
        continue;
      }
      if (event.name === 'subscription_count') {
        this.#counts.set(event.channel, event.subscription_count);
        continue;
      }
      const subject = 'user_id' in event ? `${event.channel} ${event.user_id}` : event.channel;
      const up = event.name === 'channel_occupied' || event.name === 'member_added';
      if (up === this.up.has(subject)) this.repeats.push(`${event.name} ${subject} (${id})`);
      const orphans = up
        ? 'user_id' in event && !this.up.has(event.channel)
        : [...this.up].some((other) => other.startsWith(`${subject} `));
      if (orphans) this.disorders.push(`${event.name} ${subject} (${id})`);
      if (up) this.up.add(subject);
      else this.up.delete(subject);
    }
  }

  #hear({ channel, event, data, user_id: user }: Extract<WebhookEvent, { event: string }>): void {
    this.said.push(data);
    const subjects = [channel, ...(user === undefined ? [] : [`${channel} ${user}`])];
    if (event === 'client-told' && !subjects.every((subject) => this.up.has(subject)))
      this.strays.push(`${data} on ${subjects.join(' and ')}`);
  }
}

/** By their ids, which grow within a partition. */
function isBefore(one: OutboxEntry, other: OutboxEntry): boolean {
  const [, a = 0, b = 0] = one.id.split('-').map(Number);
  const [, c = 0, d = 0] = other.id.split('-').map(Number);
  return a < c || (a === c && b < d);
}
