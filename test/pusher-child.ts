import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS, PusherJsClass, type PusherJsOptions } from './sdk.ts';
import { Inbox } from './support/inbox.ts';
import { endWithUs } from './support/end-with-us.ts';
import { within } from './support/deadline.ts';

/** What a client in another process is told and tells, in order. */
export type Happening =
  | { readonly kind: 'subscribed'; readonly channel: string; readonly socketId: string }
  | { readonly kind: 'event'; readonly channel: string; readonly data: unknown }
  | { readonly kind: 'error'; readonly code: number | undefined }
  | { readonly kind: 'state'; readonly state: string };

export interface PusherChildOptions {
  readonly key: string;
  readonly options: PusherJsOptions;
  readonly channels: readonly string[];
  /** The event that is listened to on all of them. */
  readonly event: string;
}

/**
 * pusher-js in a process of its own: Node trusts a certificate that is not in its own list only when
 * it is named at start, and pusher-js leaves no other way.
 */
export interface PusherChild extends AsyncDisposable {
  readonly subscribed: Inbox<Extract<Happening, { kind: 'subscribed' }>>;
  readonly events: Inbox<Extract<Happening, { kind: 'event' }>>;
  readonly errors: Inbox<Extract<Happening, { kind: 'error' }>>;
  readonly states: Inbox<Extract<Happening, { kind: 'state' }>>;
}

export function startPusherChild(
  name: string,
  certificateFile: string,
  options: PusherChildOptions,
): PusherChild {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], {
    execArgv: ['--conditions=source', '--import', 'tsx'],
    env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: certificateFile, [MARK]: '1' },
  });
  endWithUs(child);
  const inboxes = {
    subscribed: new Inbox<Extract<Happening, { kind: 'subscribed' }>>(`${name}: subscriptions`),
    events: new Inbox<Extract<Happening, { kind: 'event' }>>(`${name}: events`),
    errors: new Inbox<Extract<Happening, { kind: 'error' }>>(`${name}: errors`),
    states: new Inbox<Extract<Happening, { kind: 'state' }>>(`${name}: states`),
  };
  child.on('message', (message) => {
    const happening = message as Happening;
    switch (happening.kind) {
      case 'subscribed':
        return inboxes.subscribed.push(happening);
      case 'event':
        return inboxes.events.push(happening);
      case 'error':
        return inboxes.errors.push(happening);
      case 'state':
        return inboxes.states.push(happening);
    }
  });
  return {
    ...inboxes,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, 'exit');
      child.kill('SIGKILL');
      await within(closed, PATIENCE_MS, () => `${name} did not end`);
    },
  };
}

/** Set only for the child, which runs this same file. */
const MARK = 'FANFARE_TEST_PUSHER_CHILD';

function tell(happening: Happening): void {
  process.send?.(happening);
}

function runClient({ key, options, channels, event }: PusherChildOptions): void {
  const pusher = new PusherJsClass(key, { cluster: 'fanfare', ...options });
  pusher.connection.bind('state_change', ({ current }: { readonly current: string }) =>
    tell({ kind: 'state', state: current }),
  );
  pusher.connection.bind('error', (error: PusherJsError) =>
    tell({ kind: 'error', code: error.error?.data?.code ?? error.data?.code }),
  );
  for (const name of channels) {
    const channel = pusher.subscribe(name);
    channel.bind('pusher:subscription_succeeded', () =>
      tell({ kind: 'subscribed', channel: name, socketId: pusher.connection.socket_id }),
    );
    channel.bind(event, (data: unknown) => tell({ kind: 'event', channel: name, data }));
  }
  // Also when the parent was killed and could not.
  process.once('disconnect', () => process.exit());
}

/** Its code stands at one of two places, depending on whether the connection had been made. */
interface PusherJsError {
  readonly data?: { readonly code?: number };
  readonly error?: { readonly data?: { readonly code?: number } };
}

if (process.env[MARK] !== undefined)
  runClient(JSON.parse(process.argv[2] ?? '') as PusherChildOptions);
