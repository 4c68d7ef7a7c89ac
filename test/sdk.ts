import { createRequire } from 'node:module';
import type { default as PusherJsModule } from 'pusher-js';
import { within } from './support/deadline.ts';
import { Inbox } from './support/inbox.ts';

/** One pusher-js instance. */
export type PusherJs = InstanceType<typeof PusherJsModule.default>;
export type PusherJsOptions = Partial<PusherJsModule.Options>;
export type PusherChannel = PusherJsModule.Channel;

/** pusher-js as Node users get it; this build contains what `pusher-js/with-encryption` adds on the web. */
export const PusherJsClass = createRequire(import.meta.url)(
  'pusher-js',
) as typeof PusherJsModule.default;

/** How long anything that has to happen may take before the test says that it did not. */
export const PATIENCE_MS = 10_000;
/** And how long a process may take to start or to end: a machine that runs other tests too is slow at that. */
export const PROCESS_PATIENCE_MS = 30_000;

/** What a channel's listeners of an event are told, each as pusher-js hands it over. */
export function inboxOf(channel: PusherChannel, event: string): Inbox<unknown> {
  const inbox = new Inbox<unknown>(`${event} on ${channel.name}`);
  channel.bind(event, inbox.push);
  return inbox;
}

/** Resolves once the server has confirmed the subscription. */
export async function subscribed<C extends PusherChannel>(channel: C): Promise<C> {
  if (channel.subscribed) return channel;
  const answer = new Promise<void>((resolve, reject) => {
    channel.bind('pusher:subscription_succeeded', () => resolve());
    channel.bind('pusher:subscription_error', (error: unknown) =>
      reject(new Error(`subscription to ${channel.name} failed: ${JSON.stringify(error)}`)),
    );
  });
  await within(answer, PATIENCE_MS, () => `${channel.name} was not confirmed`);
  return channel;
}

/** Resolves once the client is in the state, also when it already is. */
export async function inState(pusher: PusherJs, state: string): Promise<PusherJs> {
  const { connection } = pusher;
  if (connection.state !== state) {
    const reached = new Promise<void>((resolve) => {
      connection.bind(state, () => resolve());
    });
    await within(
      reached,
      PATIENCE_MS,
      () => `pusher-js did not become ${state}, it is ${connection.state}`,
    );
  }
  return pusher;
}

/**
 * The WebSocket inside pusher-js leaves a timer of half a minute behind a socket that the server has
 * closed, and nobody can reach it; from now on it does not keep this process for so long.
 */
export function forgetClosedSockets(): void {
  const { setTimeout: realTimeout } = globalThis;
  globalThis.setTimeout = Object.assign(
    (...args: Parameters<typeof realTimeout>): NodeJS.Timeout => {
      const timer = realTimeout(...args);
      return args[1] === LEFT_BEHIND_MS ? timer.unref() : timer;
    },
    { __promisify__: realTimeout.__promisify__ },
  );
}

const LEFT_BEHIND_MS = 30_000;
