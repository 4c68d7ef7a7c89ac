import type { AppId, AppKey } from '@fanfare/protocol';
import type { App } from '../app.ts';

/** Answers from memory: a socket's upgrade cannot wait for a look-up. */
export interface AppRegistry {
  byKey(key: AppKey): App | undefined;
  byId(id: AppId): App | undefined;
  all(): readonly App[];
}
