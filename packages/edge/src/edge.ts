import { randomBytes } from 'node:crypto';
import {
  allowsOrigin,
  EdgeReporter,
  type AppRegistry,
  type Bus,
  type BusEvents,
  type EdgeReporterOptions,
  type Outbox,
  type RosterFeed,
  type RosterFeedEvents,
  type RosterReader,
  type ShareReader,
  type ShareStore,
  type Stop,
  type UserReader,
} from '@fanfare/core';
import {
  closeReasons,
  makeSocketId,
  parseAppKey,
  parseConnectRequest,
  unknownAppKey,
  type CloseReason,
  type SocketId,
} from '@fanfare/protocol';
import { followAppChanges } from './app-changes.ts';
import { AuthorizationWatch } from './authorization.ts';
import { Connection, type ConnectionContext } from './connection.ts';
import type { EdgeCounters } from './counters.ts';
import { drain } from './drain.ts';
import type { EdgeEvents } from './events.ts';
import { HeartbeatWheel } from './heartbeat.ts';
import { createRecall, type RecallOptions } from './recall.ts';
import { createHoldings, isCounted } from './holdings.ts';
import { Hub, type HubLinks } from './hub.ts';
import { ConnectionQuota } from './quota.ts';
import { Latest, latestLimits, type LatestLimits } from './latest.ts';
import { RosterRefresher } from './roster-refresher.ts';
import { RefusedConnection } from './refused-connection.ts';
import { Users } from './users.ts';
import { Watchlists, type WatchlistTimes } from './watchlists.ts';
import type { SocketHandler, SocketListener, Upgrade, Accept } from './socket.ts';

export interface EdgeOptions {
  readonly pathPrefix: string;
  readonly activityTimeoutSeconds: number;
  readonly pingSeconds: number;
  readonly pongSeconds: number;
  readonly drainSeconds: number;
  /** How the state store is told; for tests. */
  readonly reporter?: EdgeReporterOptions;
  /** How patiently the events of cache channels are read; for tests. */
  readonly recall?: RecallOptions;
  /** When watchers are told; for tests. */
  readonly watchlistTimes?: WatchlistTimes;
  /** How often the connections of other edges are read; for tests. */
  readonly quotaRoundMs?: number;
  /** What is held for a slow socket; for tests. */
  readonly latest?: LatestLimits;
}

export interface EdgeParts {
  readonly apps: AppRegistry;
  readonly counters: EdgeCounters;
  /** Called with the hub's own handlers; the edge closes what it opened. */
  openBus(events: BusEvents): Promise<Bus>;
  /** Whoever opened it closes it, after the edge has stopped. */
  readonly store: ShareStore & ShareReader & RosterReader & UserReader & Pick<Outbox, 'append'>;
  openFeed(events: RosterFeedEvents): Promise<RosterFeed>;
  listen(accept: Accept): Promise<SocketListener>;
  readonly events: EdgeEvents;
  /** The bus went away or came back. */
  onUp(): void;
}

export interface Edge extends AsyncDisposable {
  readonly port: number;
  readonly up: boolean;
  /** Accepts nobody new, closes everybody, lets go of the bus. */
  stop(how: Stop): Promise<void>;
}

/** Opens the bus and the feed, then the port; closes them in the reverse order. */
export async function startEdge(options: EdgeOptions, parts: EdgeParts): Promise<Edge> {
  const { counters, events, store } = parts;
  const hub = new Hub(counters);
  const { users, watchlists } = createUsers(options, parts, () => feed);
  const bus = await parts.openBus({
    onMessage: hub.onMessage,
    onControl: (channel, text) => users.onControl(channel, text),
    onUp(up) {
      events.busUp(up);
      counters.busUp = up ? 1 : 0;
      if (up) users.recheck();
      parts.onUp();
    },
  });
  const feed: RosterFeed = await parts
    .openFeed(feedEvents(hub, watchlists))
    .catch(async (error: unknown) => closeAndThrow(error, bus));
  counters.busUp = bus.up ? 1 : 0;
  const authorization = new AuthorizationWatch();
  const quota = new ConnectionQuota({
    apps: parts.apps,
    store,
    incarnationOf: (partition) => state.reporter.incarnationOf(partition),
    changed: (subject) => state.reporter.changed(subject),
    onFailed: (error) => events.stateFailed(error),
    ...(options.quotaRoundMs !== undefined && { roundMs: options.quotaRoundMs }),
  });
  const state = openState(hub, quota, options, parts);
  const latest = new Latest(options.latest ?? latestLimits, counters);
  const context: ConnectionContext = {
    hub,
    latest,
    users,
    watchlists,
    bus,
    reporter: state.reporter,
    events,
    counters,
    wheel: new HeartbeatWheel(options, (now) => authorization.tick(now)),
    authorization,
    quota,
    connections: new Set(),
    activityTimeoutSeconds: options.activityTimeoutSeconds,
    nowMs: Date.now,
    newId,
  };
  const listener = await parts
    .listen((upgrade) => accept(upgrade, options, parts.apps, context))
    .catch(async (error: unknown) => closeAndThrow(error, feed, bus));
  hub.connect({
    bus,
    feed,
    publish: createPublish(listener, latest),
    partitionOf: (channel) => store.partitionOf(channel),
    isCounted: (channel) => isCounted(parts.apps, channel),
    changed: (subject) => state.reporter.changed(subject),
    join: async (...args) => state.reporter.join(...args),
    lost: (channel) => state.refresher.refresh(channel),
    recall: createRecall({ ...context, store, apps: parts.apps, options: options.recall }),
    nowMs: context.nowMs,
  });
  const unfollow = followAppChanges(parts.apps, context.connections, hub);
  context.wheel.start();
  state.reporter.start();
  quota.start();
  events.listening(listener.port);
  return asService(context, { listener, feed, unfollow, ...state }, options.drainSeconds);
}

/** The one native publish of an event, which those who are slow and not there get in their own way. */
function createPublish(listener: SocketListener, latest: Latest): HubLinks['publish'] {
  return (topic, frame, except) => {
    latest.note(topic, frame, except);
    if (except === undefined || latest.isApart(except, topic)) listener.publish(topic, frame);
    else except.socket.publish(topic, frame);
    latest.published();
  };
}

function createUsers(
  { watchlistTimes: times }: EdgeOptions,
  { store, counters, events }: EdgeParts,
  feed: () => RosterFeed,
): { readonly users: Users; readonly watchlists: Watchlists } {
  const shared = { store, counters, onFailed: (error: unknown) => events.stateFailed(error) };
  return {
    users: new Users(shared),
    watchlists: new Watchlists({ ...shared, feed, ...(times !== undefined && { times }) }),
  };
}

/** Rosters and users are told of by one feed; each takes what it has asked for. */
function feedEvents(hub: Hub, watchlists: Watchlists): RosterFeedEvents {
  return {
    onChange(channel, change) {
      hub.onRosterChange(channel, change);
      watchlists.onChange(channel, change);
    },
    onCount: hub.onCount,
    onGap(channel) {
      hub.onRosterGap(channel);
      watchlists.onGap(channel);
    },
  };
}

function newId(): string {
  return randomBytes(9).toString('base64url');
}

async function closeAndThrow(
  reason: unknown,
  ...opened: readonly AsyncDisposable[]
): Promise<never> {
  await Promise.all(opened.map(async (each) => each[Symbol.asyncDispose]()));
  throw reason;
}

interface EdgeState {
  readonly reporter: EdgeReporter;
  readonly refresher: RosterRefresher;
}

function openState(
  hub: Hub,
  quota: ConnectionQuota,
  { reporter: options }: EdgeOptions,
  { apps, store, events, counters }: EdgeParts,
): EdgeState {
  const reporter = new EdgeReporter({
    store,
    source: createHoldings(hub, apps, quota),
    events: {
      registered() {
        counters.leases += 1;
      },
      fenced(partition) {
        counters.leases -= 1;
        events.stateFenced(partition);
      },
      stateLost: (partition) => events.stateLost(partition),
      reported: (shares, ms) => events.stateReported(shares, ms),
      failed: (error) => events.stateFailed(error),
    },
    nowMs: () => performance.now(),
    newIncarnation: newId,
    ...(options !== undefined && { options }),
  });
  const refresher = new RosterRefresher({
    store,
    isOpen: (channel) => hub.get(channel.key)?.presence === channel,
    onRead() {
      counters.rostersRead += 1;
    },
    onFailed: (error) => events.stateFailed(error),
  });
  return { reporter, refresher };
}

function accept(
  upgrade: Upgrade,
  { pathPrefix }: EdgeOptions,
  apps: AppRegistry,
  context: ConnectionContext,
): SocketHandler {
  const refuse = (reason: CloseReason): SocketHandler => {
    context.events.refused(reason);
    return new RefusedConnection(reason);
  };
  if (upgrade.objection !== undefined) return refuse(upgrade.objection);
  const request = parseConnectRequest(upgrade.path, upgrade.protocol, pathPrefix);
  if (!request.ok) return refuse(request.reason);
  const key = parseAppKey(request.key);
  const app = key === undefined ? undefined : apps.byKey(key);
  if (app === undefined) return refuse(unknownAppKey(request.key));
  if (!app.enabled) return refuse(closeReasons.appDisabled);
  if (!allowsOrigin(app.allowedOrigins, upgrade.origin))
    return refuse(closeReasons.originNotAllowed);
  if (!context.quota.admits(app)) return refuse(closeReasons.overConnectionQuota);
  return new Connection(context, app, newSocketId(context.hub));
}

function newSocketId(hub: Hub): SocketId {
  for (;;) {
    const id = makeSocketId(() => randomBytes(6).readUIntBE(0, 6) / 2 ** 48);
    if (!hub.has(id)) return id;
  }
}

interface Opened extends EdgeState {
  readonly listener: SocketListener;
  readonly feed: RosterFeed;
  /** Ends the following of changes of apps. */
  readonly unfollow: () => void;
}

function asService(
  context: ConnectionContext,
  { listener, feed, unfollow, reporter, refresher }: Opened,
  drainSeconds: number,
): Edge {
  const { bus, connections, counters, events, quota, users, watchlists, wheel } = context;
  let stopped: Promise<void> | undefined;
  const stop = async (how: Stop): Promise<void> => {
    const seconds = how === 'drain' ? drainSeconds : 0;
    events.draining(connections.size, seconds);
    listener.stopListening();
    await drain(connections, closeReasons.draining, seconds * 1000);
    wheel.stop();
    unfollow();
    quota.stop();
    await listener[Symbol.asyncDispose]();
    // Only now: what left a moment ago is given back with the rest, and at once.
    refresher.stop();
    users.stop();
    watchlists.stop();
    await reporter.leave();
    counters.leases = 0;
    await feed[Symbol.asyncDispose]();
    await bus[Symbol.asyncDispose]();
  };
  return {
    port: listener.port,
    get up() {
      return bus.up && stopped === undefined;
    },
    async stop(how) {
      stopped ??= stop(how);
      await stopped;
    },
    async [Symbol.asyncDispose]() {
      stopped ??= stop('at-once');
      await stopped;
    },
  };
}
