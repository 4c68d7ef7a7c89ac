import assert from 'node:assert/strict';
import { sign, terminationText, type App, type MemoryState, type Publisher } from '@fanfare/core';
import type { Client } from './client.ts';
import { apps, keyOf, type EdgeUnderTest } from './edge-under-test.ts';

export interface SigninOptions {
  readonly app?: App;
  readonly keyIndex?: number;
  /** Instead of the right one. */
  readonly auth?: string;
}

/** Sends what pusher-js sends when its backend has signed the user in. */
export function askToSignIn(client: Client, userData: string, options: SigninOptions = {}): void {
  const { app = apps.main, keyIndex = 0 } = options;
  const pair = app.keys[keyIndex];
  assert.ok(pair !== undefined);
  const signature = sign(pair.secret, `${client.id}::user::${userData}`);
  const auth = options.auth ?? `${pair.key}:${signature}`;
  client.sendFrame({ event: 'pusher:signin', data: { auth, user_data: userData } });
}

/** Signs in and takes the success. */
export async function signIn(
  client: Client,
  user: string,
  rest: object = {},
  options: SigninOptions = {},
): Promise<void> {
  const userData = JSON.stringify({ id: user, ...rest });
  askToSignIn(client, userData, options);
  await nextSuccess(client, userData);
}

export async function nextSuccess(client: Client, userData: string): Promise<void> {
  const { event, data, channel } = await client.nextFrame();
  assert.deepEqual({ event, channel }, { event: 'pusher:signin_success', channel: undefined });
  assert.equal(typeof data, 'string');
  assert.deepEqual(JSON.parse(String(data)), { user_data: userData });
}

export function userChannel(user: string): string {
  return `#server-to-user-${user}`;
}

/** What the next frame says of the users of the watchlist: `+` before who is online, `-` before who is not. */
export async function nextWatched(client: Client): Promise<readonly string[]> {
  const { event, data, channel } = await client.nextFrame();
  assert.deepEqual(
    { event, channel },
    { event: 'pusher_internal:watchlist_events', channel: undefined },
  );
  const { events } = JSON.parse(String(data)) as {
    events: readonly { name: string; user_ids: readonly string[] }[];
  };
  assert.ok(events.every(({ user_ids: ids }) => ids.length > 0));
  return events.flatMap(({ name, user_ids: ids }) =>
    ids.map((id) => `${{ online: '+', offline: '-' }[name] ?? name}${id}`),
  );
}

/** A connection that is signed in. */
export async function signedIn(
  edge: EdgeUnderTest,
  user: string,
  rest: object = {},
): Promise<Client> {
  const client = await edge.connect();
  await signIn(client, user, rest);
  return client;
}

/** As the API does it. */
export async function terminate(
  { store, publisher }: { readonly store: MemoryState; readonly publisher: Publisher },
  user: string,
  app: App = apps.main,
): Promise<number> {
  const channel = keyOf(userChannel(user), app);
  const number = await store.terminate(channel);
  const frame = terminationText(number);
  await publisher.publish([
    { channel, frame, except: null, id: `x${number}`, recorded: true, once: false, control: true },
  ]);
  return number;
}

export const TERMINATED = 'The app has terminated the connections of this user';

export async function assertTerminated(client: Client): Promise<void> {
  assert.equal(await client.nextError(4009), TERMINATED);
  assert.deepEqual(await client.closedWith(), { code: 4009, reason: TERMINATED });
}
