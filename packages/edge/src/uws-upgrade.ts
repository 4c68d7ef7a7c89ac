import { closeReasons, type CloseReason } from '@fanfare/protocol';
import type { HttpRequest, HttpResponse, WebSocket, WebSocketBehavior } from 'uWebSockets.js';
import { addressKey, Addresses, forwardedAddress } from './addresses.ts';
import { goneHandler, type Accept, type SocketHandler, type Upgrade } from './socket.ts';
import { paceLimits, UpgradePace, type PaceLimits } from './upgrade-pace.ts';

/** uWebSockets.js pays for each property on every socket. */
export interface UserData {
  /** Exchanged when the socket gets its owner, and when it is taken from it. */
  handler: SocketHandler;
  /** Only where connections from one address are limited. */
  readonly address?: string;
}

export interface UpgradeOptions {
  /** Connections that one address may have; undefined for any number. */
  readonly connectionsPerAddress: number | undefined;
  /** Whether the address of a client is what a proxy says it is. */
  readonly addressFrom: 'connection' | 'forwarded-for';
  /** How a crowd of upgrades is spread; for tests. */
  readonly pace?: PaceLimits;
  /** A connection has to wait for its turn. */
  onDelayed(): void;
}

type Request = Omit<Upgrade, 'objection'>;
type Socket = WebSocket<UserData>;
type Context = Parameters<NonNullable<WebSocketBehavior<UserData>['upgrade']>>[2];

/**
 * Lets sockets in. Browsers cannot read why an upgrade was refused, so none is. The handshake is
 * answered in the turn in which it came: later the library could only do it in many small writes.
 * What waits in a crowd is all the rest: an owner, the greeting, and with it what SDKs do behind it.
 */
export class Upgrades {
  readonly #options: UpgradeOptions;
  readonly #accept: Accept;
  readonly #pace: UpgradePace;
  readonly #addresses: Addresses | undefined;
  /** The one whose handshake is being answered; its socket opens within that. */
  #request: Request | undefined;

  constructor(options: UpgradeOptions, accept: Accept) {
    const { connectionsPerAddress: max, pace = paceLimits } = options;
    this.#options = options;
    this.#accept = accept;
    this.#pace = new UpgradePace(pace, () => performance.now());
    this.#addresses = max === undefined ? undefined : new Addresses(max);
  }

  upgrade(response: HttpResponse, request: HttpRequest, context: Context): void {
    this.#request = {
      path: request.getUrl(),
      protocol: request.getQuery('protocol'),
      origin: request.getHeader('origin'),
    };
    const address = this.#addressOf(response, request);
    const data: UserData =
      address === undefined ? { handler: goneHandler } : { handler: goneHandler, address };
    this.#pace.run(() =>
      response.upgrade<UserData>(
        data,
        request.getHeader('sec-websocket-key'),
        request.getHeader('sec-websocket-protocol'),
        request.getHeader('sec-websocket-extensions'),
        context,
      ),
    );
  }

  /** `guard` runs what may throw at our fault. */
  open(socket: Socket, guard: (act: () => void) => void): void {
    const request = this.#request;
    this.#request = undefined;
    if (request === undefined) throw new Error('a socket opened without a request');
    const data = socket.getUserData();
    const objection = this.#counted(data.address);
    let isLet = false;
    const letIn = (isTooMany: boolean): void => {
      if (isLet) return;
      isLet = true;
      data.handler = goneHandler;
      guard(() => {
        const handler = this.#accept({
          ...request,
          objection: isTooMany ? closeReasons.overCapacity : objection,
        });
        data.handler = handler;
        handler.onOpen(socket);
      });
    };
    const cancel = this.#pace.pass(letIn);
    if (cancel === undefined) return;
    this.#options.onDelayed();
    data.handler = waitingHandler(data, cancel, letIn);
  }

  closed({ address }: UserData): void {
    if (address !== undefined) this.#addresses?.closed(address);
  }

  #counted(address: string | undefined): CloseReason | undefined {
    if (address === undefined || this.#addresses === undefined) return undefined;
    const isAdmitted = this.#addresses.admits(address);
    this.#addresses.opened(address);
    return isAdmitted ? undefined : closeReasons.addressOverLimit;
  }

  #addressOf(response: HttpResponse, request: HttpRequest): string | undefined {
    if (this.#addresses === undefined) return undefined;
    const forwarded =
      this.#options.addressFrom === 'connection' ? '' : request.getHeader('x-forwarded-for');
    if (forwarded !== '') return forwardedAddress(forwarded);
    return addressKey(Buffer.from(response.getRemoteAddressAsText()).toString('latin1'));
  }
}

/** Of a socket that waits for its owner. SDKs say nothing before they are greeted; who does is greeted then. */
function waitingHandler(
  data: UserData,
  cancel: () => void,
  letIn: (isTooMany: boolean) => void,
): SocketHandler {
  const now = (): SocketHandler => {
    cancel();
    letIn(false);
    return data.handler;
  };
  return {
    ...goneHandler,
    onText: (text, bytes) => now().onText(text, bytes),
    onBinary: () => now().onBinary(),
    onClose: cancel,
  };
}
