import type { App } from '@fanfare/core';
import { closeReasons, type CloseReason } from '@fanfare/protocol';

/** A connection that has not shown yet whose it is. */
export interface Unauthorized {
  readonly app: App;
  close(reason: CloseReason): void;
}

/**
 * Closes the connections of apps with `authorizedConnections` that have neither been let into a
 * channel by a signature nor signed in when their time is over. It goes by the ticks of the
 * heartbeat wheel and keeps nothing of those whom it does not wait for.
 */
export class AuthorizationWatch {
  readonly #dueTicks = new Map<Unauthorized, number>();
  readonly #due = new Map<number, Set<Unauthorized>>();
  #now = 0;

  /** A connection was opened. */
  begin(connection: Unauthorized): void {
    const { authorizedConnections, limits } = connection.app;
    if (!authorizedConnections) return;
    // The second that has begun does not count, so that nobody has less than the time.
    const tick = this.#now + limits.authorizationTimeoutSeconds + 1;
    this.#dueTicks.set(connection, tick);
    const others = this.#due.get(tick);
    if (others === undefined) this.#due.set(tick, new Set([connection]));
    else others.add(connection);
  }

  /** It is authorized, or closed. */
  end(connection: Unauthorized): void {
    const tick = this.#dueTicks.get(connection);
    if (tick === undefined) return;
    this.#dueTicks.delete(connection);
    const others = this.#due.get(tick);
    others?.delete(connection);
    if (others?.size === 0) this.#due.delete(tick);
  }

  /** A second has passed. */
  tick(now: number): void {
    this.#now = now;
    const due = this.#due.get(now);
    if (due === undefined) return;
    this.#due.delete(now);
    for (const connection of due) {
      this.#dueTicks.delete(connection);
      // The app may have changed its mind meanwhile.
      if (connection.app.authorizedConnections) connection.close(closeReasons.notAuthorized);
    }
  }
}
