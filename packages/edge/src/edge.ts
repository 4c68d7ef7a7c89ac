import { randomBytes } from 'node:crypto';
import type { AppRegistry, Bus, BusEvents, Stop } from '@fanfare/core';
import {
  closeReasons,
  makeSocketId,
  parseAppKey,
  parseConnectRequest,
  unknownAppKey,
  type CloseReason,
  type SocketId,
} from '@fanfare/protocol';
import { Connection, type ConnectionContext } from './connection.ts';
import type { EdgeCounters } from './counters.ts';
import { drain } from './drain.ts';
import type { EdgeEvents } from './events.ts';
import { HeartbeatWheel } from './heartbeat.ts';
import { Hub } from './hub.ts';
import { RefusedConnection } from './refused-connection.ts';
import type { SocketHandler, SocketListener, Upgrade, Accept } from './socket.ts';

export interface EdgeOptions {
  readonly pathPrefix: string;
  readonly activityTimeoutSeconds: number;
  readonly pingSeconds: number;
  readonly pongSeconds: number;
  readonly drainSeconds: number;
}

export interface EdgeParts {
  readonly apps: AppRegistry;
  readonly counters: EdgeCounters;
  /** Called with the hub's own handlers; the edge closes what it opened. */
  openBus(events: BusEvents): Promise<Bus>;
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

/** Opens the bus, then the port; closes them in the reverse order. */
export async function startEdge(options: EdgeOptions, parts: EdgeParts): Promise<Edge> {
  const { counters, events } = parts;
  const hub = new Hub(counters);
  const bus = await parts.openBus({
    onMessage: hub.onMessage,
    onUp(up) {
      events.busUp(up);
      counters.busUp = up ? 1 : 0;
      parts.onUp();
    },
  });
  counters.busUp = bus.up ? 1 : 0;
  const context: ConnectionContext = {
    hub,
    bus,
    events,
    counters,
    wheel: new HeartbeatWheel(options),
    connections: new Set(),
    activityTimeoutSeconds: options.activityTimeoutSeconds,
    nowMs: Date.now,
    newId: () => randomBytes(9).toString('base64url'),
  };
  const listener = await parts
    .listen((upgrade) => accept(upgrade, options, parts.apps, context))
    .catch(async (error: unknown) => {
      await bus[Symbol.asyncDispose]();
      throw error;
    });
  hub.connect(bus, (topic, frame) => listener.publish(topic, frame));
  context.wheel.start();
  events.listening(listener.port);
  return asService(context, listener, options.drainSeconds);
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
  const request = parseConnectRequest(upgrade.path, upgrade.protocol, pathPrefix);
  if (!request.ok) return refuse(request.reason);
  const key = parseAppKey(request.key);
  const app = key === undefined ? undefined : apps.byKey(key);
  if (app === undefined) return refuse(unknownAppKey(request.key));
  if (!app.enabled) return refuse(closeReasons.appDisabled);
  return new Connection(context, app, newSocketId(context.hub));
}

function newSocketId(hub: Hub): SocketId {
  for (;;) {
    const id = makeSocketId(() => randomBytes(6).readUIntBE(0, 6) / 2 ** 48);
    if (!hub.has(id)) return id;
  }
}

function asService(
  context: ConnectionContext,
  listener: SocketListener,
  drainSeconds: number,
): Edge {
  const { bus, connections, events, wheel } = context;
  let stopped: Promise<void> | undefined;
  const stop = async (how: Stop): Promise<void> => {
    const seconds = how === 'drain' ? drainSeconds : 0;
    events.draining(connections.size, seconds);
    listener.stopListening();
    await drain(connections, closeReasons.draining, seconds * 1000);
    wheel.stop();
    await listener[Symbol.asyncDispose]();
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
