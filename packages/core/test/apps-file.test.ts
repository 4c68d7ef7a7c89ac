import assert from 'node:assert/strict';
import { once } from 'node:events';
import { watch } from 'node:fs';
import {
  chmod,
  mkdir,
  mkdtemp,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  appSourceContract,
  Follower,
  type SourceUnderTest,
  type WrittenApps,
} from '../src/contract/index.ts';
import { openAppsFile, readApps, type AppsFileTimes } from '../src/index.ts';

const folder = await mkdtemp(join(tmpdir(), 'fanfare-apps-file-'));
after(() => rm(folder, { recursive: true }));
let folders = 0;

interface FileSource extends SourceUnderTest {
  readonly folder: string;
  readonly path: string;
}

/** A clock that never strikes, so that only what is told by the file system is seen. */
const NO_POLL = { pollMs: 3_600_000 };

async function openFile(
  apps: WrittenApps,
  times: Partial<AppsFileTimes> = NO_POLL,
): Promise<FileSource> {
  folders += 1;
  const own = join(folder, String(folders));
  await mkdir(own);
  const path = join(own, 'apps.json');
  await writeFile(path, textOf(apps));
  return {
    folder: own,
    path,
    open: async (events) => openAppsFile(path, readApps({ APPS_FILE: path }) ?? [], events, times),
    write: async (written) => writeFile(path, textOf(written)),
    async [Symbol.asyncDispose]() {},
  };
}

function textOf(apps: WrittenApps): string {
  return JSON.stringify({ apps: Object.entries(apps).map(([id, app]) => ({ id, ...app })) });
}

appSourceContract('file', openFile);

const one = { keys: [{ key: 'k1', secret: 's1' }] };
const two = { keys: [{ key: 'k2', secret: 's2' }] };

describe('The apps of a file', () => {
  it('[RG7] are read again when another file is put in its place', async () => {
    await using under = await openFile({ 1: one });
    await using follower = await followed(under);
    for (const apps of [{ 2: two }, { 1: one }, { 2: two }]) {
      await writeFile(join(under.folder, '.apps.json.swp'), textOf(apps));
      await rename(join(under.folder, '.apps.json.swp'), under.path);
      await follower.changed();
      assert.deepEqual(follower.ids(), Object.keys(apps));
    }
  });

  it('[RG7] are read again when a link on the way is pointed elsewhere, as config maps do it', async () => {
    await using under = await openFile({ 1: one });
    for (const [version, apps] of Object.entries({ v1: { 1: one }, v2: { 2: two } })) {
      await mkdir(join(under.folder, `..${version}`));
      await writeFile(join(under.folder, `..${version}`, 'apps.json'), textOf(apps));
    }
    await symlink('..v1', join(under.folder, '..data'));
    await unlink(under.path);
    await symlink('..data/apps.json', under.path);
    await using follower = await followed(under);
    await symlink('..v2', join(under.folder, '..data_tmp'));
    await rename(join(under.folder, '..data_tmp'), join(under.folder, '..data'));
    await follower.changed();
    assert.deepEqual(follower.ids(), ['2']);
  });

  it('[RG7] are read again by the clock where nothing tells of a change', async () => {
    // The folder that is watched holds a link only; what it points to is changed elsewhere.
    await using elsewhere = await openFile({ 1: one });
    await using under = await openFile({ 1: one }, { pollMs: 20 });
    await unlink(under.path);
    await symlink(elsewhere.path, under.path);
    await using follower = await followed(under);
    await elsewhere.write({ 2: two });
    await follower.changed();
    assert.deepEqual(follower.ids(), ['2']);
  });

  it('[RG7] are read again at once when that is asked for', async () => {
    await using elsewhere = await openFile({ 1: one });
    await using under = await openFile({ 1: one });
    await unlink(under.path);
    await symlink(elsewhere.path, under.path);
    await using follower = await followed(under);
    await elsewhere.write({ 2: two });
    follower.source.refresh();
    await follower.changed();
    assert.deepEqual(follower.ids(), ['2']);
  });

  it('[RG7] stay when the file is gone or cannot be read, and are read when it is back', async () => {
    await using under = await openFile({ 1: one }, { pollMs: 20 });
    await using follower = await followed(under);
    await rm(under.path);
    assert.deepEqual(await follower.refused(), [
      `APPS_FILE: ${under.path}: expected a file that can be read, there is none`,
    ]);
    assert.deepEqual(follower.ids(), ['1']);
    await rm(under.folder, { recursive: true });
    await mkdir(under.folder);
    await under.write({ 2: two });
    await follower.changed();
    await follower.recovered();
    await under.write({ 1: one });
    await follower.changed();
    await rm(under.path);
    await mkdir(under.path);
    assert.match((await follower.refused()).join(), /it is a folder|there is none/);
    assert.deepEqual(follower.ids(), ['1']);
    await chmod(under.folder, 0o755);
  });

  it('[RG3] all mistakes of the file are told, and once, however often it is looked at', async () => {
    const told: (readonly string[])[] = [];
    await using under = await openFile({ 1: one });
    await using source = await under.open({
      refused: (problems) => told.push(problems),
      recovered() {},
      restored() {},
    });
    const changed = new Promise<void>((resolve) => {
      source.onChange(() => resolve());
    });
    await under.write({ 1: { ...one, enabled: 'yes' }, 2: { ...two, limits: { max: 1 } } });
    for (let look = 0; look < 20; look += 1) {
      source.refresh();
      await turns();
    }
    await under.write({ 2: two });
    source.refresh();
    await changed;
    assert.deepEqual(
      told.map((problems) => problems.length),
      [2],
    );
  });

  it('[RG7] a writer who takes his time is not read half-way', async () => {
    const times = { ...NO_POLL, quietMs: 2_000, latestMs: 4_000 };
    await using under = await openFile({ 1: one }, times);
    const refused: unknown[] = [];
    await using source = await under.open({
      refused: (problems) => refused.push(problems),
      recovered() {},
      restored() {},
    });
    const changed = new Promise<void>((resolve) => {
      source.onChange(() => resolve());
    });
    const watcher = watch(under.folder);
    const sign = once(watcher, 'change');
    const text = textOf({ 1: one, 2: two });
    await writeFile(under.path, text.slice(0, 20));
    await sign;
    watcher.close();
    await turns();
    await writeFile(under.path, text);
    await changed;
    assert.deepEqual(refused, []);
  });
});

async function followed(under: SourceUnderTest): Promise<Follower> {
  const follower = new Follower();
  await follower.follow(under);
  return follower;
}

/** Enough for a look that has nothing to wait for. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await stat(folder);
}
