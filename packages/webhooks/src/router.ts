import { wants, type App, type OutboxEntry, type Routing } from '@fanfare/core';

/** Which of the app's hooks hears of which entries. A hook that hears of none is left out. */
export function routingsOf(app: App, entries: readonly OutboxEntry[]): readonly Routing[] {
  return app.webhooks
    .map((hook) => ({
      hook: hook.id,
      entries: entries.filter(({ event }) => wants(hook, event)),
    }))
    .filter(({ entries: wanted }) => wanted.length > 0);
}
