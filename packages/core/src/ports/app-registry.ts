import type { AppId, AppKey } from '@fanfare/protocol';
import type { App } from '../app.ts';

/** Answers from memory: a socket's upgrade cannot wait for a look-up. */
export interface AppRegistry {
  byKey(key: AppKey): App | undefined;
  byId(id: AppId): App | undefined;
  all(): readonly App[];
  /**
   * Told of all apps that changed at once, after the answers have; an app that did not change stays
   * the same object. Returns what ends it.
   */
  onChange(listener: (changes: readonly AppChange[]) => void): () => void;
}

/** One app, as it was and as it is; undefined is an app that was not there, or is no more. */
export interface AppChange {
  readonly id: AppId;
  readonly before: App | undefined;
  readonly after: App | undefined;
}

/** A registry whose apps come from somewhere and may change while the process runs. */
export interface AppSource extends AppRegistry, AsyncDisposable {
  /** Looks for changes at once, whatever it was told. */
  refresh(): void;
}

/** What befalls a source, beside changes. */
export interface AppSourceEvents {
  /** What was found is not as expected, each problem one line; those apps stay as they were. Told once. */
  refused(problems: readonly string[]): void;
  /** All of it is as expected again. */
  recovered(): void;
  /** The store had lost the apps and was given back those known here. */
  restored(apps: number): void;
}
