import assert from 'node:assert/strict';
import {
  appSchema,
  createMemoryAppRegistry,
  MemoryOutbox,
  outboxLimits,
  type App,
  type AppRegistry,
  type ClaimedLane,
  type Outbox,
  type OutboxEntry,
  type OutboxLimits,
  type Polled,
  type Service,
  type WebhookEvent,
} from '@fanfare/core';
import { parseAppId, type AppId } from '@fanfare/protocol';
import {
  startWorker,
  workerOptions,
  type Attempt,
  type Outcome,
  type WebhookEvents,
  type WorkerOptions,
} from '../src/index.ts';

const PATIENCE_MS = 30_000;

/** Waits for what must happen; fails with a sentence when it does not. */
export async function inTime<T>(expected: PromiseLike<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} did not happen within ${PATIENCE_MS} ms`)),
      PATIENCE_MS,
    );
  });
  try {
    return await Promise.race([expected, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function appId(text = '1001'): AppId {
  const id = parseAppId(text);
  assert.ok(id !== undefined, `the test gave an app id that is none: ${text}`);
  return id;
}

export const pair = { key: 'first-key', secret: 'first-secret' };

/** An app with these webhooks, as `APPS_FILE` would give it. */
export function app(webhooks: readonly unknown[], more: object = {}): App {
  const keys = [pair, { key: 'second-key', secret: 'second-secret' }];
  return appSchema.parse({ id: '1001', keys, webhooks, ...more });
}

export const occupied = (channel: string): WebhookEvent => ({ name: 'channel_occupied', channel });
export const vacated = (channel: string): WebhookEvent => ({ name: 'channel_vacated', channel });
export const clientEvent = (channel: string, data: string, user?: string): WebhookEvent => ({
  name: 'client_event',
  channel,
  event: 'client-typing',
  data,
  socket_id: '1.1',
  ...(user === undefined ? {} : { user_id: user }),
});

let entries = 0;

export function entry(event: WebhookEvent, part: Partial<OutboxEntry> = {}): OutboxEntry {
  entries += 1;
  return { id: `0-1-${entries}`, timeMs: 1_000, event, ...part };
}

export function lane(part: Partial<ClaimedLane> = {}): ClaimedLane {
  return {
    partition: 0,
    app: appId(),
    hook: 'abcdef012345',
    token: 'token',
    attempts: 0,
    entries: [],
    ...part,
  };
}

/** The outbox of many partitions, as the cluster's is, in memory. */
export function createOutbox(
  partitions = 1,
  limits: Partial<OutboxLimits> = {},
  nowMs: () => number = Date.now,
): Outbox {
  const all = Array.from(
    { length: partitions },
    (_, partition) => new MemoryOutbox(partition, { ...outboxLimits, gatherMs: 5, ...limits }),
  );
  const at = (partition: number): MemoryOutbox => {
    const outbox = all[partition];
    assert.ok(outbox !== undefined, `there is no partition ${partition}`);
    return outbox;
  };
  return {
    partitions,
    append: async (partition, id, event) =>
      at(partition).append(id, event, nowMs()) ? 'taken' : 'full',
    poll: async (partition, wanted) => ({
      nowMs: nowMs(),
      tended: { reconciled: 0, fenced: 0, reaped: 0 },
      lanes: at(partition).claim(wanted, nowMs()),
      unrouted: at(partition).unrouted(wanted.unrouted),
    }),
    route: async (partition, from, routings) => at(partition).route(from, routings, nowMs()),
    renew: async (held, leaseMs) => at(held.partition).renew(held, leaseMs, nowMs()),
    acknowledge: async (held) => at(held.partition).acknowledge(held, nowMs()),
    postpone: async (held, delayMs) => at(held.partition).postpone(held, delayMs, nowMs()),
    abandon: async (held, reason) => at(held.partition).abandon(held, reason, nowMs()),
    release: async (held, delayMs = 0) => at(held.partition).release(held, delayMs, nowMs()),
    backlog: async (partition) => at(partition).backlog(),
    deadLanes: async (partition) => at(partition).deadLanes(),
    deadLetters: async (partition, id, hook, max) => at(partition).deadLetters(id, hook, max),
    replay: async (partition, from, to, max) => at(partition).replay(from, to, max, nowMs()),
  };
}

/** What was told of a partition, and what a worker of that name can claim in it. */
export async function poll(outbox: Outbox, partition: number, token = ''): Promise<Polled> {
  const lanes = token === '' ? 0 : 10;
  return outbox.poll(partition, { token, leaseMs: 1_000, lanes, entries: 10, unrouted: 10 });
}

/** Everything quick, so that a test sees in a second what takes an hour. */
export const quick: WorkerOptions = {
  ...workerOptions,
  pollMs: 10,
  mergeMs: 10,
  // Only those that hang are to run into it, not those of a machine that is busy.
  timeoutMs: 15_000,
  leaseMs: 45_000,
  unknownHookMs: 20,
  backlogMs: 20,
  spreadMs: 20,
  storePauseMs: 50,
  stopMs: 200,
  retry: { baseMs: 10, capMs: 40, retryAfterCapMs: 1_000, giveUpMs: 3_600_000 },
};

/** What a worker told, and a way to wait for it. */
export interface Told {
  readonly events: WebhookEvents;
  readonly attempts: (Attempt & Outcome & { readonly hook: string })[];
  readonly lines: string[];
  /** How many events were given up. */
  abandoned(): number;
  until(isSo: () => boolean, what: string): Promise<void>;
}

export function listenTo(): Told {
  const waiting = new Set<() => void>();
  const attempts: Told['attempts'] = [];
  const lines: string[] = [];
  const say = (line: string): void => {
    lines.push(line);
    for (const look of waiting) look();
  };
  const events: WebhookEvents = {
    attempted: (hook, outcome, attempt) => {
      attempts.push({ hook: hook.id, ...outcome, ...attempt });
      say(`attempted ${outcome.kind}`);
    },
    failing: (hook) => say(`failing ${hook.id}`),
    recovered: (hook) => say(`recovered ${hook.id}`),
    abandoned: (_, count, reason) => say(`abandoned ${count}: ${reason}`),
    overflowed: ({ hook, letters }) => say(`overflowed ${hook}: ${letters}`),
    claimLost: () => say('claim lost'),
    unsettled: (count) => say(`unsettled ${count}`),
    unknownHook: () => say('unknown hook'),
    unknownApp: (_, dropped) => say(`unknown app ${dropped}`),
    tended: () => say('tended'),
    backlog: () => say('backlog'),
    storeFailed: () => say('store failed'),
    storeWorks: () => say('store works'),
    stopping: () => say('stopping'),
    defect: (error) => say(`defect ${String(error)}`),
  };
  return {
    events,
    attempts,
    lines,
    abandoned: () =>
      lines.reduce((sum, line) => sum + Number(/^abandoned (\d+)/.exec(line)?.[1] ?? 0), 0),
    until: (isSo, what) =>
      inTime(
        new Promise<void>((resolve) => {
          const look = (): void => {
            if (!isSo()) return;
            waiting.delete(look);
            resolve();
          };
          waiting.add(look);
          look();
        }),
        what,
      ),
  };
}

export interface Given {
  readonly outbox: Outbox;
  readonly apps: readonly App[] | AppRegistry;
  readonly options?: Partial<WorkerOptions>;
  readonly told?: Told;
}

/** A worker with quick options. A defect fails the test that it happens in, by an unhandled error. */
export async function givenWorker({
  outbox,
  apps,
  options,
  told = listenTo(),
}: Given): Promise<Service & { readonly told: Told }> {
  const registry = 'byId' in apps ? apps : createMemoryAppRegistry(apps);
  const events: WebhookEvents = {
    ...told.events,
    defect: (error) => {
      throw new Error(`a defect: ${String(error)}`, { cause: error });
    },
  };
  const service = await startWorker({
    outbox,
    apps: registry,
    events,
    options: { ...quick, ...options },
  });
  return { ...service, told };
}

/** Appends to partition 0 in order. */
export async function append(outbox: Outbox, ...events: readonly WebhookEvent[]): Promise<void> {
  for (const event of events) assert.equal(await outbox.append(0, appId(), event), 'taken');
}
