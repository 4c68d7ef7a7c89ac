import { limits } from '@fanfare/protocol';
import { SettingsError } from '@fanfare/core';
import type {
  HttpResponse,
  TemplatedApp,
  us_listen_socket,
  WebSocket,
  WebSocketBehavior,
} from 'uWebSockets.js';
import { farewellLimits, Farewells, type FarewellLimits } from './farewells.ts';
import { goneHandler, type Accept, type SocketListener } from './socket.ts';
import { loadUws, type Uws } from './uws-load.ts';
import { Upgrades, type UpgradeOptions, type UserData } from './uws-upgrade.ts';

export interface ListenerOptions extends UpgradeOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Bytes that may wait for one socket before it is closed. */
  readonly maxBackpressureBytes: number;
  /** Seconds without a sign of life after which an owner has ended its socket itself. */
  readonly silenceSeconds: number;
  /** Several processes of this host listen on the same port and share its connections. */
  readonly sharePort: boolean;
  /** A frame was thrown away because its socket does not read. */
  onDropped(): void;
  /** How sockets that do not read are ended; for tests. */
  readonly farewells?: FarewellLimits;
  /** Something threw where nothing may throw; the socket it happened on is closed. */
  onDefect(error: unknown): void;
}

/**
 * Bytes after which uWebSockets.js drops a connection by itself, without a close frame. Between
 * the protocol's limit and this one we can still say why.
 */
const MAX_PAYLOAD_BYTES = 4 * limits.clientFrameBytes;

/** This file and those beside it that begin with `uws` are all that know uWebSockets.js. Rejects with a `SettingsError` when the port cannot be had. */
export async function startUwsListener(
  options: ListenerOptions,
  accept: Accept,
): Promise<SocketListener> {
  const uws = await loadUws();
  const app = openApp(uws, options);
  // The routes stand before anything is published: without one, publish crashes the process.
  app.ws<UserData>('/*', behavior(options, accept));
  app.any('/*', notFound);
  const token = await listen(app, options);
  return new UwsListener(uws, app, token);
}

function openApp(uws: Uws, { tls }: ListenerOptions): TemplatedApp {
  if (tls === undefined) return uws.App();
  return uws.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
}

function behavior(options: ListenerOptions, accept: Accept): WebSocketBehavior<UserData> {
  /** Our own handlers throw only where we are wrong. One socket pays for that, not every other one. */
  const guarded = (socket: { close(): void }, handle: () => void): void => {
    try {
      handle();
    } catch (error) {
      options.onDefect(error);
      try {
        socket.close();
      } catch {
        // It closed while it was being handled, which is what we wanted.
      }
    }
  };
  const upgrades = new Upgrades(options, accept);
  const farewells = new Farewells(options.farewells ?? farewellLimits);
  const endSoon = inOwnTurn((socket) => {
    guarded(socket, () => endSlow(socket, farewells));
  });
  return {
    maxPayloadLength: MAX_PAYLOAD_BYTES,
    maxBackpressure: options.maxBackpressureBytes,
    idleTimeout: idleTimeout(options.silenceSeconds),
    // The heartbeat wheel does, and says 4201 before it closes.
    sendPingsAutomatically: false,
    upgrade(response, request, context) {
      guarded(response, () => upgrades.upgrade(response, request, context));
    },
    open(socket) {
      upgrades.open(socket, (act) => guarded(socket, act));
    },
    message(socket, message, isBinary) {
      guarded(socket, () => {
        const { handler } = socket.getUserData();
        if (message.byteLength > limits.clientFrameBytes) socket.end(1009, 'Message too large');
        else if (isBinary) handler.onBinary();
        else handler.onText(Buffer.from(message).toString('utf8'), message.byteLength);
      });
    },
    ping(socket) {
      socket.getUserData().handler.onSign();
    },
    pong(socket) {
      socket.getUserData().handler.onSign();
    },
    dropped(socket, message) {
      options.onDropped();
      guarded(socket, () =>
        socket.getUserData().handler.onDropped(socket, message, () => endSoon(socket)),
      );
      endSoon(socket);
    },
    drain(socket) {
      guarded(socket, () => {
        farewells.onDrain(socket);
        socket.getUserData().handler.onDrain();
      });
    },
    close(socket) {
      farewells.onClose(socket);
      upgrades.closed(socket.getUserData());
      guarded({ close() {} }, () => socket.getUserData().handler.onClose());
    },
  };
}

/** What the library can count, in seconds. */
const IDLE_MAX_SECONDS = 960;
const IDLE_MARGIN_SECONDS = 30;

/**
 * The library's own timer, for sockets that have no owner any more: without it one that was ended,
 * reads a little of what stands before its close frame and then no more is kept for ever.
 */
function idleTimeout(silenceSeconds: number): number {
  const seconds = silenceSeconds + IDLE_MARGIN_SECONDS;
  return seconds > IDLE_MAX_SECONDS ? 0 : seconds;
}

/** Once for a socket in a turn, and not where it is noticed: in the middle of a send nothing may be closed. */
function inOwnTurn(
  act: (socket: WebSocket<UserData>) => void,
): (socket: WebSocket<UserData>) => void {
  const waiting = new Set<WebSocket<UserData>>();
  return (socket) => {
    if (waiting.has(socket)) return;
    waiting.add(socket);
    setImmediate(() => {
      waiting.delete(socket);
      act(socket);
    });
  };
}

/**
 * Takes a socket whose buffer is full from its owner, unless that can bear with it. The library's own option for that only stops
 * reading from it, which ends none that keeps on sending.
 */
function endSlow(socket: WebSocket<UserData>, farewells: Farewells): void {
  const data = socket.getUserData();
  const reason = data.handler.onSlow();
  // It stays, was closed in the meantime, or is on its way out already.
  if (reason === undefined) return;
  data.handler = goneHandler;
  farewells.begin(socket, reason);
}

function notFound(response: HttpResponse): void {
  response
    .writeStatus('404 Not Found')
    .writeHeader('content-type', 'text/plain')
    .end('404 NOT FOUND\n');
}

/** LIBUS_LISTEN_DEFAULT and LIBUS_LISTEN_EXCLUSIVE_PORT, which the types declare as types only. */
const LISTEN = { shared: 0, exclusive: 1 } as const;

/** The overload that the types lack. */
type ListenOn = (
  host: string,
  port: number,
  options: number,
  done: (token: us_listen_socket | false) => void,
) => unknown;

async function listen(
  app: TemplatedApp,
  { host, port, sharePort }: ListenerOptions,
): Promise<us_listen_socket> {
  const listenOn: ListenOn = app.listen.bind(app) as never; // oxlint-disable-line typescript/no-unsafe-type-assertion -- without the option a second process silently takes half of the connections
  return new Promise((resolve, reject) => {
    listenOn(host, port, sharePort ? LISTEN.shared : LISTEN.exclusive, (token) => {
      if (token !== false) return resolve(token);
      const reason = 'the port is taken or the address is not one of this machine';
      return reject(new SettingsError([`EDGE_PORT: cannot listen on ${host}:${port}: ${reason}`]));
    });
  });
}

class UwsListener implements SocketListener {
  readonly port: number;
  readonly #uws: Uws;
  readonly #app: TemplatedApp;
  #token: us_listen_socket | undefined;
  #closed = false;

  constructor(uws: Uws, app: TemplatedApp, token: us_listen_socket) {
    this.port = uws.us_socket_local_port(token);
    this.#uws = uws;
    this.#app = app;
    this.#token = token;
  }

  publish(topic: string, frame: Uint8Array): void {
    // A member who was on the way in when the edge stopped may still be announced.
    if (!this.#closed) this.#app.publish(topic, frame, false, false);
  }

  stopListening(): void {
    if (this.#token !== undefined) this.#uws.us_listen_socket_close(this.#token);
    this.#token = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.stopListening();
    this.#app.close();
  }
}
