import { watch, type FSWatcher } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { App } from '../app.ts';
import { createMemoryAppRegistry, type MemoryAppRegistry } from '../memory/memory-app-registry.ts';
import type { AppSource, AppSourceEvents } from '../ports/app-registry.ts';
import { parseAppsFile, unreadableAppsFile } from './apps.ts';
import { Looks } from './looks.ts';
import { SettingsError } from './settings.ts';

export interface AppsFileTimes {
  /** The file is read when its folder has been quiet for so long, for a writer may not be done; */
  readonly quietMs: number;
  /** but not later than this after the first sign. */
  readonly latestMs: number;
  /** How often the file is looked at without a sign: not every file system gives any. */
  readonly pollMs: number;
}

const TIMES: AppsFileTimes = { quietMs: 100, latestMs: 400, pollMs: 2_000 };

/**
 * The apps of a file, read again whenever it changes. A file that cannot be used is told, and the
 * apps stay as they were. `apps` are those that stood in it at the start.
 */
export async function openAppsFile(
  path: string,
  apps: readonly App[],
  events: AppSourceEvents,
  times: Partial<AppsFileTimes> = {},
): Promise<AppSource> {
  const registry = createMemoryAppRegistry(apps);
  const file = new WatchedFile(path, registry, events, { ...TIMES, ...times });
  await file.look();
  return {
    ...registry,
    refresh: () => file.refresh(),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

class WatchedFile {
  readonly #path: string;
  readonly #registry: MemoryAppRegistry;
  readonly #events: AppSourceEvents;
  readonly #times: AppsFileTimes;
  readonly #looks = new Looks(async () => this.#read());
  readonly #poll: NodeJS.Timeout;
  #watcher: FSWatcher | undefined;
  /** The folder that is watched: another one may have taken its name. */
  #folder = '';
  #firstSignMs: number | undefined;
  #soon: NodeJS.Timeout | undefined;
  #mark = '';
  /** What was read last and could be used. */
  #text: string | undefined;
  #told = '';
  #closed = false;

  constructor(
    path: string,
    registry: MemoryAppRegistry,
    events: AppSourceEvents,
    times: AppsFileTimes,
  ) {
    this.#path = path;
    this.#registry = registry;
    this.#events = events;
    this.#times = times;
    this.#poll = setInterval(() => void this.look(), times.pollMs);
  }

  refresh(): void {
    this.#mark = '';
    this.#looks.again();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#soon);
    this.#watcher?.close();
    await this.#looks.settled();
  }

  /** Watches first, so that nothing falls between the two. */
  async look(): Promise<void> {
    await this.#watchFolder();
    await this.#looks.look();
  }

  /**
   * The folder rather than the file: editors and config maps put another file in its place, by a
   * rename or by a link that points elsewhere, and whoever watches the file keeps watching the old one.
   */
  async #watchFolder(): Promise<void> {
    const folder = dirname(this.#path);
    const mark = await markOf(folder, 'which');
    if (this.#closed || mark === this.#folder) return;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#folder = mark;
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#onSign());
      // It is looked at by the clock until another can be had.
      watcher.on('error', () => {
        watcher.close();
        if (watcher === this.#watcher) this.#folder = '';
      });
      this.#watcher = watcher;
    } catch {
      // No such folder, or no more watches on this machine: the clock is what is left.
      this.#folder = '';
    }
  }

  #onSign(): void {
    const nowMs = performance.now();
    this.#firstSignMs ??= nowMs;
    const { quietMs, latestMs } = this.#times;
    const waitMs = Math.min(quietMs, this.#firstSignMs + latestMs - nowMs);
    clearTimeout(this.#soon);
    this.#soon = setTimeout(
      () => {
        this.#firstSignMs = undefined;
        this.#looks.again();
      },
      Math.max(0, waitMs),
    );
  }

  async #read(): Promise<void> {
    const mark = await markOf(this.#path, 'content');
    if (this.#closed || (mark !== '' && mark === this.#mark)) return;
    this.#mark = mark;
    try {
      const text = await readFile(this.#path, 'utf8').catch((cause: unknown) => {
        throw unreadableAppsFile(this.#path, cause);
      });
      if (this.#closed) return;
      if (text !== this.#text) this.#registry.replace(parseAppsFile(this.#path, text));
      this.#text = text;
      this.#tell([]);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      this.#tell(error.problems);
    }
  }

  #tell(problems: readonly string[]): void {
    const text = problems.join('\n');
    if (text === this.#told) return;
    this.#told = text;
    if (problems.length > 0) this.#events.refused(problems);
    else this.#events.recovered();
  }
}

/** Which file stands under the name, and when it was changed; empty when there is none. */
async function markOf(path: string, of: 'which' | 'content'): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return (of === 'which' ? [dev, ino] : [dev, ino, size, mtimeNs, ctimeNs]).join(':');
  } catch {
    // Why is told by reading it.
    return '';
  }
}
