import { randomBytes } from 'node:crypto';
import {
  createApi,
  createApiEvents,
  startApiServer,
  type ApiApp,
  type ApiServerOptions,
} from '@fanfare/api';
import {
  SettingsError,
  unreadyAfter,
  type AppRegistry,
  type Logger,
  type Readiness,
  type Service,
} from '@fanfare/core';
import { createEdgeCounters, createEdgeEvents, startEdge, startUwsListener } from '@fanfare/edge';
import { createWebhookEvents, startWorker } from '@fanfare/webhooks';
import type { Registry } from 'prom-client';
import type { z } from 'zod';
import type { Backend } from './backend.ts';
import type { apiRoleSettings, edgeRoleSettings } from './settings.ts';

/** How long the bus may be away before a process asks to be left out of its load balancer. */
const BUS_GRACE_MS = 10_000;

/** What every role of one process shares. */
export interface RoleParts {
  readonly apps: AppRegistry;
  readonly backend: Backend;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly readiness: Readiness;
}

/** A role that listens. */
export interface Listening extends Service {
  readonly port: number;
}

type EdgeRoleSettings = z.output<z.ZodObject<typeof edgeRoleSettings>>;
type ApiRoleSettings = z.output<z.ZodObject<typeof apiRoleSettings>>;

export async function openEdge(settings: EdgeRoleSettings, parts: RoleParts): Promise<Listening> {
  const { log, metrics, readiness, backend } = parts;
  const counters = createEdgeCounters();
  const events = createEdgeEvents(log, metrics, counters);
  const link = unreadyAfter(() => counters.busUp === 1, BUS_AWAY, BUS_GRACE_MS);
  readiness.add(link.check);
  const listenerOptions = {
    host: settings.EDGE_HOST,
    port: settings.EDGE_PORT,
    tls: tlsFiles(settings),
    maxBackpressureBytes: settings.EDGE_SOCKET_BUFFER_BYTES,
    silenceSeconds: settings.EDGE_PING_SECONDS + settings.EDGE_PONG_SECONDS,
    sharePort: false,
    connectionsPerAddress: settings.EDGE_CONNECTIONS_PER_ADDRESS,
    addressFrom: settings.EDGE_ADDRESS_FROM,
    onDelayed: () => {
      counters.connectionsDelayed += 1;
    },
    onDefect: (error: unknown) => events.defect(error),
    onDropped: () => {
      counters.framesDropped += 1;
    },
  };
  const store = await backend.openState();
  readiness.warn(() => (store.up ? undefined : STORE_AWAY));
  const edge = await startEdge(
    {
      pathPrefix: settings.EDGE_PATH_PREFIX,
      activityTimeoutSeconds: settings.EDGE_ACTIVITY_TIMEOUT_SECONDS,
      pingSeconds: settings.EDGE_PING_SECONDS,
      pongSeconds: settings.EDGE_PONG_SECONDS,
      drainSeconds: settings.DRAIN_SECONDS,
    },
    {
      apps: parts.apps,
      counters,
      events,
      store,
      openBus: (busEvents) => backend.openBus(busEvents),
      openFeed: (feedEvents) => backend.openFeed(feedEvents),
      listen: (accept) => startUwsListener(listenerOptions, accept),
      onUp: link.changed,
    },
  ).catch(async (error: unknown) => {
    await store[Symbol.asyncDispose]();
    throw error;
  });
  link.changed();
  return closingAfter(edge, store);
}

/** A service and, once it has stopped, what it stood on. */
function closingAfter(service: Listening, ...below: readonly AsyncDisposable[]): Listening {
  const close = async (): Promise<void> => {
    for (const each of below) {
      // oxlint-disable-next-line no-await-in-loop -- in their order
      await each[Symbol.asyncDispose]();
    }
  };
  return {
    port: service.port,
    async stop(how) {
      await service.stop(how);
      await close();
    },
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await close();
    },
  };
}

/** Delivers webhooks, and with them tends the state of the cluster. */
export async function openWorker(parts: RoleParts): Promise<Service> {
  const { log, metrics, readiness, backend } = parts;
  const outbox = await backend.openState();
  let storeWorks = true;
  const link = unreadyAfter(() => storeWorks, STORE_AWAY, BUS_GRACE_MS);
  readiness.add(link.check);
  const events = createWebhookEvents(log, metrics);
  const worker = await startWorker({
    outbox,
    apps: parts.apps,
    events: {
      ...events,
      storeFailed(error) {
        storeWorks = false;
        link.changed();
        events.storeFailed(error);
      },
      storeWorks() {
        storeWorks = true;
        link.changed();
        events.storeWorks();
      },
    },
  });
  return {
    async stop(how) {
      await worker.stop(how);
      await outbox[Symbol.asyncDispose]();
    },
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]();
      await outbox[Symbol.asyncDispose]();
    },
  };
}

/** `before` answers first; what it does not know is the API's. */
export async function openApi(
  settings: ApiRoleSettings,
  parts: RoleParts,
  before: (api: ApiApp) => ApiServerOptions['app'] = (api) => api,
): Promise<Listening> {
  const { log, metrics, readiness, backend } = parts;
  const publisher = await backend.openPublisher();
  const state = await backend.openState().catch(async (error: unknown) => {
    await publisher[Symbol.asyncDispose]();
    throw error;
  });
  const link = unreadyAfter(() => publisher.up, BUS_AWAY, BUS_GRACE_MS);
  readiness.add(() => {
    link.changed();
    return link.check();
  });
  // Triggers work without it, and a balancer that took all apis out would end them.
  readiness.warn(() => (state.up ? undefined : STORE_AWAY));
  const events = createApiEvents(log, metrics);
  const api = createApi({
    apps: parts.apps,
    publisher,
    cache: publisher,
    state,
    limits: state,
    events,
    pathPrefix: settings.API_PATH_PREFIX,
    nowMs: Date.now,
    newId: () => randomBytes(9).toString('base64url'),
  });
  const close = async (): Promise<void> => {
    await state[Symbol.asyncDispose]();
    await publisher[Symbol.asyncDispose]();
  };
  const server = await startApiServer({
    host: settings.API_HOST,
    port: settings.API_PORT,
    app: before(api),
    events,
  }).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const stop = async (): Promise<void> => {
    await server.stop();
    await close();
  };
  return { port: server.port, stop, [Symbol.asyncDispose]: stop };
}

const BUS_AWAY = 'the message bus is away';
const STORE_AWAY = 'the state of the cluster is away';

function tlsFiles({
  EDGE_TLS_CERT: certFile,
  EDGE_TLS_KEY: keyFile,
}: EdgeRoleSettings): { readonly certFile: string; readonly keyFile: string } | undefined {
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile !== undefined && keyFile !== undefined) return { certFile, keyFile };
  const missing = certFile === undefined ? 'EDGE_TLS_CERT' : 'EDGE_TLS_KEY';
  throw new SettingsError([`${missing}: expected a file, as the other half of the pair is set`]);
}
