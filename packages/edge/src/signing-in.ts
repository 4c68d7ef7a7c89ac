import {
  channelKey,
  clientErrors,
  closeReasons,
  limits,
  signinSuccessFrame,
  type ClientFrame,
} from '@fanfare/protocol';
import { admitSignin } from './admission.ts';
import type { LocalChannel } from './hub.ts';
import type { SignedIn } from './own-channel.ts';
import type { SubscribingConnection, SubscribingContext } from './subscribing.ts';
import type { Task } from './turnstile.ts';
import type { UserData } from './user-data.ts';
import type { Users } from './users.ts';
import type { Watchlists } from './watchlists.ts';

/** What all signing in on an edge shares. */
export interface SigningInContext extends SubscribingContext {
  readonly users: Users;
  readonly watchlists: Watchlists;
}

export interface SigningInConnection extends SubscribingConnection {
  user: SignedIn | undefined;
}

interface Signin {
  readonly data: UserData;
  /** As it was signed. */
  readonly text: string;
  readonly local: LocalChannel;
}

/** The bus is asked as soon as the frame is here; the answer is given in the frame's turn. */
export function signinTask(
  context: SigningInContext,
  connection: SigningInConnection,
  frame: Extract<ClientFrame, { kind: 'signin' }>,
): Task {
  const admission = admitSignin(connection.app, connection.id, frame);
  if (!admission.ok)
    return () => {
      connection.tell(admission.error);
      return undefined;
    };
  connection.authorized();
  const { data } = admission;
  const local = context.hub.acquire(channelKey(connection.app.id, data.channel));
  return () => signIn(context, connection, { data, text: frame.userData, local });
}

function signIn(
  context: SigningInContext,
  connection: SigningInConnection,
  signin: Signin,
): Promise<void> | undefined {
  const { hub } = context;
  const known = connection.user;
  if (connection.isOpen && known === undefined) return enter(context, connection, signin);
  hub.release(signin.local);
  if (!connection.isOpen || known === undefined) return undefined;
  if (known.key !== signin.local.key) {
    connection.tell(clientErrors.signedInAlready());
    return undefined;
  }
  known.info = signin.data.info;
  connection.socket.send(signinSuccessFrame(signin.text));
  watch(context, connection, signin);
  return undefined;
}

async function enter(
  context: SigningInContext,
  connection: SigningInConnection,
  { data, text, local }: Signin,
): Promise<void> {
  const { hub, users, events } = context;
  try {
    if (local.ready !== undefined) await local.ready;
    await users.enter(local.key, connection);
  } catch (error) {
    hub.release(local);
    if (connection.isOpen) events.subscribeFailed(error);
    // No SDK signs in again on the same connection, but each does so after a reconnect.
    connection.close(closeReasons.subscribeTimeout);
    return;
  }
  if (connection.isOpen) connection.socket.send(signinSuccessFrame(text));
  // It went while it waited, or cannot take any more.
  if (!connection.isOpen) {
    users.part(local.key, connection);
    hub.release(local);
    return;
  }
  const { user, info } = data;
  connection.user = { user, key: local.key, info, watcher: undefined, subscribed: false };
  connection.socket.subscribe(local.key);
  hub.confirmed(local);
  watch(context, connection, { data, text, local });
}

/** A watchlist takes the place of the one before it. */
function watch(
  { watchlists }: SigningInContext,
  connection: SigningInConnection,
  { data }: Signin,
): void {
  const { user, app } = connection;
  if (!connection.isOpen || user === undefined) return;
  const watched = app.watchlist ? data.watchlist : [];
  const former = user.watcher;
  const keys = watched.map((channel) => channelKey(app.id, channel));
  user.watcher = keys.length === 0 ? undefined : watchlists.watch(connection.socket, keys);
  if (former !== undefined) watchlists.release(former);
  if (app.watchlist && data.watchlistCut)
    connection.tell(clientErrors.watchlistTooLong(limits.watchlistUsers));
}

/** The connection is closed. */
export function signOut(
  { hub, users, watchlists }: SigningInContext,
  connection: SigningInConnection,
): void {
  const { user } = connection;
  if (user === undefined) return;
  connection.user = undefined;
  if (user.watcher !== undefined) watchlists.release(user.watcher);
  users.part(user.key, connection);
  hub.leave(user.key, connection.id);
}
