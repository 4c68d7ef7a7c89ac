import type { AppStore } from '../ports/app-store.ts';

export interface MemoryAppStore extends AppStore {
  /** Told after each change, as processes of a cluster are. */
  onNotice(listener: () => void): void;
  /** All of it is lost. */
  wipe(): void;
}

/** Apps in memory: the model of the store in Redis. */
export function createMemoryAppStore(): MemoryAppStore {
  const listeners = new Set<() => void>();
  const entries = new Map<string, string>();
  let version: string | undefined;
  return {
    read: async (known) =>
      known !== undefined && known === version ? undefined : { version, entries: new Map(entries) },
    async change(expected, change) {
      if (expected !== version) return false;
      for (const [id, text] of change.entries) {
        if (text === undefined) entries.delete(id);
        else entries.set(id, text);
      }
      ({ version } = change);
      for (const listener of listeners) listener();
      return true;
    },
    onNotice(listener) {
      listeners.add(listener);
    },
    wipe() {
      entries.clear();
      version = undefined;
    },
  };
}
