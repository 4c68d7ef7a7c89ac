import { parseEntry, SettingsError, type App, type AppEntries } from '@fanfare/core';
import { z } from 'zod';
import { assign, isObject, type Assignment, type WrittenSettings } from './app-assignments.ts';
import { UsageError } from './arguments.ts';
import { CommandFailed } from './command-failed.ts';

/** What is to become of one app of a store, decided on what stands there now. */
export type Edit = (entries: AppEntries) => Edited;

export interface Edited {
  readonly id: string;
  /** JSON without the id; undefined removes the app. As it stands: nothing is to be written. */
  readonly text: string | undefined;
  /** For whoever asked, once it is done. */
  readonly said: string;
}

export interface NewPair {
  readonly key: string;
  readonly secret: string;
}

export interface NewApp {
  /** Makes another one each time, in case it is taken; one that was asked for is always the same. */
  readonly newId: () => string;
  readonly pair: NewPair;
  /** The caller has not chosen it and has to be told. */
  readonly isSecretNew: boolean;
  readonly assignments: readonly Assignment[];
}

const ID_TRIES = 100;

export function addApp({ newId, pair, isSecretNew, assignments }: NewApp): Edit {
  return (entries) => {
    let id = newId();
    for (let tries = 1; entries.has(id) && tries < ID_TRIES; tries += 1) id = newId();
    if (entries.has(id)) throw new CommandFailed(`there is an app ${id} already`);
    const settings = assignments.reduce(assign, { keys: [pair] });
    return {
      id,
      text: checked(entries, id, settings),
      said: [
        `app ${id} was added`,
        `  key     ${pair.key}`,
        ...(isSecretNew ? [`  secret  ${pair.secret}   (shown only this once)`] : []),
      ].join('\n'),
    };
  };
}

export function setApp(id: string, assignments: readonly Assignment[]): Edit {
  return (entries) => ({
    id,
    text: checked(entries, id, assignments.reduce(assign, writtenOf(entries, id))),
    said: `app ${id} was changed`,
  });
}

export function enableApp(id: string, enabled: boolean): Edit {
  return (entries) => ({
    id,
    text: checked(entries, id, { ...writtenOf(entries, id), enabled }),
    said: enabled
      ? `app ${id} is enabled`
      : `app ${id} is disabled; its clients are closed with 4003 and do not come back by themselves`,
  });
}

/**
 * The new pair stands last: the first signs webhooks, and receivers do not know the new secret yet.
 * It signs from `finishRotation` on, when every backend has it.
 */
export function rotateKey(id: string, pair: NewPair): Edit {
  return (entries) => {
    const settings = writtenOf(entries, id);
    const { keys } = parsedOf(entries, id);
    if (keys.length > 1)
      throw new CommandFailed(
        `app ${id} has ${keys.length} keys already; finish its rotation first, by \`fanfare apps rotate-key ${id} --finish\``,
      );
    return {
      id,
      text: checked(entries, id, { ...settings, keys: [...keys, pair] }),
      said: [
        `app ${id} has a second key; both are good`,
        `  key     ${pair.key}`,
        `  secret  ${pair.secret}   (shown only this once)`,
        `Give it to every backend and client, then \`fanfare apps rotate-key ${id} --finish\`.`,
        'Until then webhooks are signed by the old one.',
      ].join('\n'),
    };
  };
}

export function finishRotation(id: string): Edit {
  return (entries) => {
    const settings = writtenOf(entries, id);
    const { keys } = parsedOf(entries, id);
    const newest = keys.at(-1);
    if (newest === undefined || keys.length < 2)
      throw new CommandFailed(`app ${id} has one key; there is no rotation to finish`);
    const gone = keys.slice(0, -1).map(({ key }) => key);
    return {
      id,
      text: checked(entries, id, { ...settings, keys: [newest] }),
      said: `app ${id} has the key ${newest.key} alone; ${gone.join(', ')} is good for nothing any more`,
    };
  };
}

export function removeApp(id: string): Edit {
  return (entries) => {
    requireApp(entries, id);
    return {
      id,
      text: undefined,
      said: `app ${id} was removed; its clients are closed with 4001 and do not come back by themselves`,
    };
  };
}

function requireApp(entries: AppEntries, id: string): string {
  const text = entries.get(id);
  if (text !== undefined) return text;
  throw new CommandFailed(`there is no app ${id}; \`fanfare apps list\` shows those there are`);
}

function writtenOf(entries: AppEntries, id: string): WrittenSettings {
  try {
    const settings: unknown = JSON.parse(requireApp(entries, id));
    if (isObject(settings)) return settings;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new CommandFailed(`what Redis holds of app ${id} is no JSON object; remove it and add it`);
}

function parsedOf(entries: AppEntries, id: string): App {
  const parsed = parseEntry(id, requireApp(entries, id));
  if (parsed.ok) return parsed.data;
  throw new SettingsError(parsed.problems);
}

const keysSchema = z.looseObject({ keys: z.array(z.looseObject({ key: z.string() })) });

/** The app's JSON, if it is as an app must be and shares no key with another or itself. */
function checked(entries: AppEntries, id: string, settings: WrittenSettings): string {
  const text = JSON.stringify(settings);
  const parsed = parseEntry(id, text);
  if (!parsed.ok) throw new SettingsError(parsed.problems);
  const own = parsed.data.keys.map(({ key }) => String(key));
  const taken = new Set([...entries].filter(([other]) => other !== id).flatMap(keysOf));
  for (const [at, key] of own.entries())
    if (taken.has(key) || own.indexOf(key) !== at)
      throw new UsageError(`keys: expected a key that stands nowhere else, got '${key}'`);
  return text;
}

/** Also of an app that this version cannot read whole. */
function keysOf([, text]: readonly [string, string]): readonly string[] {
  try {
    const found = keysSchema.safeParse(JSON.parse(text));
    return found.success ? found.data.keys.map(({ key }) => key) : [];
  } catch {
    // No process can use it either.
    return [];
  }
}
