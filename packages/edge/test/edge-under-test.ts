import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import {
  appSchema,
  createMemoryAppRegistry,
  createMemoryNetwork,
  createMemoryRosterFeeds,
  createMemoryState,
  sign,
  stateTiming,
  type App,
  type AppRegistry,
  type Bus,
  type BusEvents,
  type MemoryNetwork,
  type MemoryState,
  type RosterFeed,
  type RosterFeedEvents,
  type Publisher,
} from '@fanfare/core';
import {
  broadcastChannel,
  channelKey,
  eventFrame,
  parseChannelName,
  type ChannelKey,
  type ChannelName,
  type CloseReason,
  type SocketId,
} from '@fanfare/protocol';
import type { ClientOptions } from 'ws';
import { createEdgeCounters, type EdgeCounters } from '../src/counters.ts';
import { startEdge, type Edge, type EdgeOptions, type EdgeParts } from '../src/edge.ts';
import type { EdgeEvents } from '../src/events.ts';
import { startUwsListener, type ListenerOptions } from '../src/uws-listener.ts';
import { Client } from './client.ts';
import { within } from './inbox.ts';

const key = (name: string): { readonly key: string; readonly secret: string } => ({
  key: `${name}-key`,
  secret: `${name}-secret`,
});

/** Apps that differ in what is decided per app; each has its key in its name. */
export const apps = {
  main: appSchema.parse({ id: '1001', keys: [key('main'), key('second')] }),
  other: appSchema.parse({ id: '1002', keys: [key('other')] }),
  disabled: appSchema.parse({ id: '1003', keys: [key('disabled')], enabled: false }),
  /** Everything that an app may switch off is off. */
  quiet: appSchema.parse({
    id: '1004',
    keys: [key('quiet')],
    clientEvents: false,
    subscriptionErrors: false,
    watchlist: false,
  }),
  tight: appSchema.parse({
    id: '1005',
    keys: [key('tight')],
    limits: { maxChannelsPerConnection: 2, maxEventBytes: 10 },
  }),
  /** Presence channels of three, and a webhook for everything. */
  small: appSchema.parse({
    id: '1007',
    keys: [key('small')],
    limits: { maxPresenceMembers: 3 },
    webhooks: [{ url: 'http://127.0.0.1:1/hook' }],
  }),
  /** Names of any kind. */
  webman: appSchema.parse({ id: '1008', keys: [key('webman')], dialect: 'webman' }),
  /** What goes to everybody, and two channels for each connection. */
  aloud: appSchema.parse({
    id: '1009',
    keys: [key('aloud')],
    broadcastEmptyChannel: true,
    limits: { maxChannelsPerConnection: 2 },
  }),
  /** Subscribers are told how many they are, and so is a webhook. */
  counted: appSchema.parse({
    id: '1030',
    keys: [key('counted')],
    subscriptionCount: true,
    webhooks: [{ url: 'http://127.0.0.1:1/hook', events: ['subscription_count'] }],
  }),
  /** Those of encrypted channels as well. */
  countedAll: appSchema.parse({
    id: '1031',
    keys: [key('counted-all')],
    subscriptionCount: true,
    subscriptionCountOnEncrypted: true,
  }),
  /** Slow sockets of it stay. */
  lossy: appSchema.parse({ id: '1010', keys: [key('lossy')], slowConsumers: 'latest' }),
  /** Client events as fast as a test can send them. */
  fast: appSchema.parse({
    id: '1006',
    keys: [key('fast')],
    limits: { maxClientEventsPerSecond: 1_000_000 },
  }),
} as const;

/** The state of a cluster in memory. */
export interface StateOfTest {
  readonly store: Pick<MemoryState, keyof EdgeParts['store']>;
  openFeed(events: RosterFeedEvents): Promise<RosterFeed>;
}

export function memoryState(
  nowMs: () => number = Date.now,
): StateOfTest & { readonly store: MemoryState } {
  const feeds = createMemoryRosterFeeds();
  const store = createMemoryState({
    // As in a process of its own: nobody's return has to be waited for.
    timing: { ...stateTiming, graceMs: 0 },
    nowMs,
    newEpoch: () => 'epoch',
    rosterChanged: feeds.rosterChanged,
    countTold: feeds.countTold,
  });
  return { store, openFeed: async (events) => feeds.open(events) };
}

export interface Setup {
  /** Default: one of its own. Edges with the same network are a cluster. */
  readonly network?: MemoryNetwork;
  /** Instead of a network. */
  readonly openBus?: (events: BusEvents) => Bus | Promise<Bus>;
  /** Default: one of its own. Edges of a cluster share it. */
  readonly state?: StateOfTest;
  readonly edge?: Partial<EdgeOptions>;
  /** Further apps. */
  readonly moreApps?: readonly App[];
  readonly listener?: Partial<ListenerOptions>;
  readonly events?: Partial<EdgeEvents>;
  /** Instead of those of the tests. */
  readonly apps?: AppRegistry;
}

/** What edges left behind. Thrown while disposing, it would hide why a test failed before. */
const leftOver: string[] = [];
afterEach(() => assert.deepEqual(leftOver.splice(0), []));

/** A real edge with real sockets on a free port, and everything a test wants to see of it. */
export class EdgeUnderTest implements AsyncDisposable {
  readonly edge: Edge;
  readonly counters: EdgeCounters;
  readonly publisher: Publisher;
  /** What nothing expected; a test that makes one takes it out. */
  readonly defects: unknown[];
  readonly closings: { readonly id: SocketId; readonly reason: CloseReason }[];
  readonly #watch: Watch;
  #published = 0;

  constructor(edge: Edge, watch: Watch, publisher: Publisher, seen: Seen) {
    this.edge = edge;
    this.#watch = watch;
    this.counters = watch.counters;
    this.publisher = publisher;
    this.defects = seen.defects;
    this.closings = seen.closings;
  }

  url(path: string): string {
    return `ws://127.0.0.1:${this.edge.port}${path}`;
  }

  open(path: string, options?: ClientOptions): Client {
    return new Client(this.url(path), options);
  }

  /** A client whose connection is established. */
  async connect(app: App = apps.main, options?: ClientOptions): Promise<Client> {
    const client = this.open(`/app/${app.keys[0].key}?protocol=7`, options);
    await client.established();
    return client;
  }

  /** An event as the API would publish it; resolves with the frame that subscribers get. */
  async trigger(
    name: string,
    {
      app = apps.main,
      data = `event ${(this.#published += 1)}`,
      except = null,
    }: TriggerOptions = {},
  ): Promise<string> {
    const frame = eventFrame(channel(name), 'happened', data);
    const id = `t${(this.#published += 1)}`;
    const to = keyOf(name, app);
    await this.publisher.publish([
      { channel: to, frame, except: except as SocketId | null, id, recorded: true, once: false },
    ]);
    return frame;
  }

  /** Resolves when the counters say so; they are looked at whenever one changes. */
  async until(holds: (counters: EdgeCounters) => boolean, sentence: string): Promise<void> {
    await within(this.#watch.until(holds), `waited until ${sentence}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.edge[Symbol.asyncDispose]();
    const { connections, subscriptions, channels, signedIn, watchedUsers } = this.counters;
    const held = { connections, subscriptions, channels, signedIn, watchedUsers };
    for (const [what, count] of Object.entries(held))
      if (count !== 0) leftOver.push(`${count} ${what} on an edge that stopped`);
    leftOver.push(...this.defects.map((defect) => `a defect: ${String(defect)}`));
  }
}

interface TriggerOptions {
  readonly app?: App;
  readonly data?: string;
  readonly except?: string | null;
}

interface Seen {
  readonly defects: unknown[];
  readonly closings: { readonly id: SocketId; readonly reason: CloseReason }[];
}

export async function startTestEdge(setup: Setup = {}): Promise<EdgeUnderTest> {
  const { network = createMemoryNetwork(), state = memoryState() } = setup;
  const openBus = setup.openBus ?? ((handlers: BusEvents) => network.open(handlers));
  const watch = new Watch();
  const seen: Seen = { defects: [], closings: [] };
  const onDefect = (error: unknown): void => void seen.defects.push(error);
  const events: EdgeEvents = {
    listening() {},
    refused() {},
    closing: (id, reason) => seen.closings.push({ id, reason }),
    subscribeWaited() {},
    subscribeFailed() {},
    clientEventLost() {},
    busUp() {},
    stateReported() {},
    stateFailed() {},
    stateFenced() {},
    stateLost() {},
    draining() {},
    defect: onDefect,
    ...setup.events,
  };
  const edge = await startEdge(
    {
      pathPrefix: '',
      activityTimeoutSeconds: 120,
      pingSeconds: 30,
      pongSeconds: 30,
      drainSeconds: 0,
      ...setup.edge,
    },
    {
      apps:
        setup.apps ?? createMemoryAppRegistry([...Object.values(apps), ...(setup.moreApps ?? [])]),
      counters: watch.counters,
      events,
      openBus: async (handlers) => openBus(handlers),
      store: state.store,
      openFeed: (handlers) => state.openFeed(handlers),
      listen: (accept) =>
        startUwsListener(
          {
            host: '127.0.0.1',
            port: 0,
            tls: undefined,
            maxBackpressureBytes: 1_048_576,
            silenceSeconds: 60,
            sharePort: false,
            onDefect,
            onDropped: () => (watch.counters.framesDropped += 1),
            connectionsPerAddress: undefined,
            addressFrom: 'connection',
            onDelayed: () => (watch.counters.connectionsDelayed += 1),
            ...setup.listener,
          },
          accept,
        ),
      onUp() {},
    },
  );
  return new EdgeUnderTest(edge, watch, network.open({ onMessage() {}, onUp() {} }), seen);
}

/** Counters that tell when they change, so that a test need not look again and again. */
class Watch {
  readonly counters: EdgeCounters;
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  constructor() {
    this.counters = new Proxy(createEdgeCounters(), {
      set: (target, name, value) => {
        const done = Reflect.set(target, name, value);
        this.#look();
        return done;
      },
    });
  }

  async until(holds: (counters: EdgeCounters) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push({ holds: () => holds(this.counters), resolve });
      this.#look();
    });
  }

  #look(): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter(({ holds, resolve }) => {
      if (!holds()) return true;
      resolve();
      return false;
    });
  }
}

export function channel(name: string): ChannelName {
  const parsed = name === '' ? broadcastChannel : parseChannelName(name, 'webman');
  if (parsed === undefined) throw new Error(`the test needs a channel name, not ${name}`);
  return parsed;
}

export function keyOf(name: string, app: App = apps.main): ChannelKey {
  return channelKey(app.id, channel(name));
}

/** What a backend's auth endpoint would answer, with the app's first key unless another is named. */
export function authFor(
  socketId: string,
  name: string,
  { app = apps.main, keyIndex = 0, channelData }: AuthOptions = {},
): { readonly auth: string; readonly channel_data?: string } {
  const pair = app.keys[keyIndex];
  if (pair === undefined) throw new Error(`app ${app.id} has no key number ${keyIndex}`);
  const text = [socketId, name, ...(channelData === undefined ? [] : [channelData])].join(':');
  const auth = `${pair.key}:${sign(pair.secret, text)}`;
  return channelData === undefined ? { auth } : { auth, channel_data: channelData };
}

interface AuthOptions {
  readonly app?: App;
  readonly keyIndex?: number;
  readonly channelData?: string;
}
