import { setImmediate as nextTurn } from 'node:timers/promises';
import type { App, AppChange, AppRegistry } from '@fanfare/core';
import { closeReasons, type CloseReason } from '@fanfare/protocol';
import type { Hub } from './hub.ts';

/** How many sockets are closed in one turn of the event loop; the other apps' sockets are served in between. */
const PER_TURN = 256;

/** A connection as far as a change of its app concerns it. */
export interface AppHolder {
  app: App;
  close(reason: CloseReason): void;
}

/**
 * Gives every connection its app as it has become, and closes those whose app is disabled or no more.
 * Nothing is kept for it: to walk over all connections costs less than an index that each of them
 * would pay for. Returns what ends it.
 */
export function followAppChanges(
  apps: AppRegistry,
  connections: ReadonlySet<AppHolder>,
  hub: Pick<Hub, 'recount'>,
): () => void {
  return apps.onChange((changes) => {
    for (const change of changes) if (isCountedOtherwise(change)) hub.recount(change.id);
    const leaving = exchange(changes, connections);
    if (leaving.length > 0) void closeInTurns(leaving, apps);
  });
}

function isCountedOtherwise({ before, after }: AppChange): boolean {
  const names = ['subscriptionCount', 'subscriptionCountOnEncrypted'] as const;
  return names.some((name) => (before?.[name] ?? false) !== (after?.[name] ?? false));
}

/** All in one turn, so that nobody sees the old settings after somebody has seen the new ones. */
function exchange(
  changes: readonly AppChange[],
  connections: ReadonlySet<AppHolder>,
): readonly AppHolder[] {
  const byId = new Map(changes.map((change) => [change.id, change]));
  const leaving: AppHolder[] = [];
  for (const connection of connections) {
    const change = byId.get(connection.app.id);
    if (change === undefined) continue;
    if (change.after !== undefined) connection.app = change.after;
    if (change.after?.enabled !== true) leaving.push(connection);
  }
  return leaving;
}

async function closeInTurns(leaving: readonly AppHolder[], apps: AppRegistry): Promise<void> {
  for (let at = 0; at < leaving.length; at += PER_TURN) {
    for (const connection of leaving.slice(at, at + PER_TURN)) {
      const app = apps.byId(connection.app.id);
      // It may be back, or enabled again, before everybody has been told.
      if (app?.enabled === true) connection.app = app;
      else connection.close(app === undefined ? closeReasons.appRemoved : closeReasons.appDisabled);
    }
    // oxlint-disable-next-line no-await-in-loop -- the turns in between are the point
    await nextTurn();
  }
}
