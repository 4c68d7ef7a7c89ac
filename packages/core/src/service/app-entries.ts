import { parseAppId, type AppKey } from '@fanfare/protocol';
import { z } from 'zod';
import type { App } from '../app.ts';
import type { AppRegistry } from '../ports/app-registry.ts';
import type { AppEntries } from '../ports/app-store.ts';
import { parseApp, parseJsonAs, type Parsed } from './apps.ts';

interface Understood {
  readonly apps: readonly App[];
  readonly problems: readonly string[];
}

/** An app as a store keeps it: the settings of an apps file, without the id. */
const entrySchema = z.record(z.string(), z.unknown());

/**
 * The apps of a store. One that is not as expected stays as it was known, and harms no other: a
 * newer version may have written a setting that this one does not know. Only someone who writes past
 * the check can make two of them share a key; nobody may then pass for another app.
 */
function understandApps(
  entries: AppEntries,
  known: Pick<AppRegistry, 'byId'>,
  parse: typeof parseEntry,
): Understood {
  const problems: string[] = [];
  const apps = new Map<string, App>();
  const taken = new Set<AppKey>();
  const take = (id: string, app: App): boolean => {
    const keys = app.keys.map(({ key }) => key);
    if (new Set(keys).size < keys.length || keys.some((key) => taken.has(key))) return false;
    for (const key of keys) taken.add(key);
    apps.set(id, app);
    return true;
  };
  const ids = [...entries.keys()].toSorted();
  for (const id of ids) {
    const parsed = parse(id, entries.get(id) ?? '');
    if (!parsed.ok) problems.push(...parsed.problems.map((problem) => `app ${id}: ${problem}`));
    else if (!take(id, parsed.data))
      problems.push(`app ${id}: keys: expected keys that stand nowhere else`);
  }
  for (const id of ids) {
    const appId = apps.has(id) ? undefined : parseAppId(id);
    const before = appId === undefined ? undefined : known.byId(appId);
    if (before !== undefined) take(id, before);
  }
  return { apps: ids.flatMap((id) => apps.get(id) ?? []), problems };
}

/** An entry of a store; the problems are those of the app alone. */
export function parseEntry(id: string, text: string): Parsed<App> {
  const settings = parseJsonAs(entrySchema, text);
  return settings.ok ? parseApp({ ...settings.data, id }) : settings;
}

/** Understands stores one after the other, and parses only what has changed: of thousands of apps, one has. */
export function createUnderstanding(
  known: Pick<AppRegistry, 'byId'>,
): (entries: AppEntries) => Understood {
  let last: ReadonlyMap<string, Remembered> = new Map();
  return (entries) => {
    const next = new Map<string, Remembered>();
    const understood = understandApps(entries, known, (id, text) => {
      const before = last.get(id);
      const result = before?.text === text ? before.result : parseEntry(id, text);
      next.set(id, { text, result });
      return result;
    });
    last = next;
    return understood;
  };
}

interface Remembered {
  readonly text: string;
  readonly result: Parsed<App>;
}
