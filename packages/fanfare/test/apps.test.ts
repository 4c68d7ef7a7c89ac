import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  createMemoryAppStore,
  parseEntry,
  SettingsError,
  type App,
  type AppStore,
} from '@fanfare/core';
import { parseAssignment } from '../src/app-assignments.ts';
import {
  addApp,
  enableApp,
  finishRotation,
  removeApp,
  rotateKey,
  setApp,
  type NewApp,
} from '../src/app-edits.ts';
import { appJson, appTable } from '../src/app-list.ts';
import { editApps } from '../src/app-store.ts';
import { UsageError } from '../src/arguments.ts';
import { CommandFailed } from '../src/command-failed.ts';

const folder = await mkdtemp(join(tmpdir(), 'fanfare-apps-command-'));
after(() => rm(folder, { recursive: true }));

const pair = { key: 'k1', secret: 'topsecret-1' };

function newApp(id: string, part: Partial<NewApp> = {}): NewApp {
  return {
    newId: () => id,
    pair: { key: `k${id}`, secret: `topsecret-${id}` },
    isSecretNew: true,
    assignments: [],
    ...part,
  };
}

async function appOf(store: AppStore, id: string): Promise<App> {
  const text = (await store.read(undefined))?.entries.get(id);
  assert.ok(text !== undefined, `there is no app ${id}`);
  const parsed = parseEntry(id, text);
  assert.ok(parsed.ok, text);
  return parsed.data;
}

async function textOf(store: AppStore): Promise<string> {
  return JSON.stringify([...((await store.read(undefined))?.entries ?? [])]);
}

const set = (id: string, ...texts: readonly string[]): ReturnType<typeof setApp> =>
  setApp(id, texts.map(parseAssignment));

describe('fanfare apps', () => {
  it('[RG30] an app that is added has what was given, and the secret that was made is told', async () => {
    const store = createMemoryAppStore();
    const assignments = ['limits.maxEventBytes=20', 'dialect=webman'].map(parseAssignment);
    const said = await editApps(store, addApp(newApp('1', { pair, assignments })));
    assert.match(said, /app 1 was added/);
    assert.match(said, /topsecret-1/);
    const app = await appOf(store, '1');
    assert.deepEqual([app.keys, app.limits.maxEventBytes, app.dialect], [[pair], 20, 'webman']);
    const given = await editApps(store, addApp(newApp('2', { isSecretNew: false })));
    assert.doesNotMatch(given, /topsecret/);
  });

  it('[RG30] an id or a key that is taken is refused, and one that was made is made anew', async () => {
    const store = createMemoryAppStore();
    await editApps(store, addApp(newApp('1')));
    await assert.rejects(editApps(store, addApp(newApp('1'))), CommandFailed);
    const same = newApp('2', { pair: { key: 'k1', secret: 'other' } });
    await assert.rejects(editApps(store, addApp(same)), UsageError);
    const ids = ['1', '1', '3'];
    await editApps(store, addApp(newApp('3', { newId: () => ids.shift() ?? '3' })));
    await appOf(store, '3');
    assert.equal((await store.read(undefined))?.entries.size, 2);
  });

  it('[RG30] listings have no secret', async () => {
    const store = createMemoryAppStore();
    const hooks = [
      {
        url: 'https://u:topsecret-3@host/x?topsecret-4',
        headers: { Authorization: 'topsecret-5' },
      },
    ];
    await editApps(store, addApp(newApp('10')));
    await editApps(store, addApp(newApp('9')));
    await editApps(store, set('9', `webhooks=${JSON.stringify(hooks)}`, 'enabled=false'));
    const { entries } = (await store.read(undefined)) ?? { entries: new Map() };
    assert.deepEqual(appTable(entries).split('\n'), [
      'id  state     keys  webhooks',
      '9   disabled  k9    1',
      '10  enabled   k10   0',
    ]);
    const json = appJson(entries);
    assert.doesNotMatch(json, /topsecret/);
    const { apps } = JSON.parse(json) as { apps: readonly App[] };
    assert.deepEqual(
      apps.map(({ id, keys, enabled }) => [id, keys, enabled]),
      [
        ['9', [{ key: 'k9', secret: '***' }], false],
        ['10', [{ key: 'k10', secret: '***' }], true],
      ],
    );
    assert.match(json, /https:\/\/\*\*\*@host\/x/);
    assert.match(appTable(new Map()), /no app yet/);
  });

  it('[RG31] a value is JSON, text or the JSON of a file, and none is the default', async () => {
    const store = createMemoryAppStore();
    const file = join(folder, 'hooks.json');
    await writeFile(file, '[{"url":"https://host/=x"}]');
    await editApps(store, addApp(newApp('1')));
    await editApps(
      store,
      set(
        '1',
        'clientEvents=false',
        'dialect=webman',
        'limits.maxEventBytes=5',
        `webhooks=@${file}`,
      ),
    );
    const app = await appOf(store, '1');
    assert.deepEqual(
      [app.clientEvents, app.dialect, app.limits.maxEventBytes, app.webhooks[0]?.url],
      [false, 'webman', 5, 'https://host/=x'],
    );
    await editApps(store, set('1', 'clientEvents=', 'limits.maxEventBytes=', 'webhooks=[]'));
    const back = await appOf(store, '1');
    assert.deepEqual(
      [back.clientEvents, back.dialect, back.limits.maxEventBytes, back.webhooks],
      [true, 'webman', 10_240, []],
    );
  });

  it('[RG31] what may not be so is refused with the words of the schema, and nothing is written', async () => {
    const store = createMemoryAppStore();
    await editApps(store, addApp(newApp('1')));
    const before = await textOf(store);
    await assert.rejects(
      editApps(store, set('1', 'limits.maxEventBytes=0', 'dialect=mine', 'limits.nothing=1')),
      (error) => {
        assert.ok(error instanceof SettingsError);
        const text = error.problems.join('\n');
        assert.match(
          text,
          /limits\.maxEventBytes: expected a whole number from 1 to 262144, got 0/,
        );
        assert.match(text, /dialect: expected pusher or webman, got "mine"/);
        assert.match(text, /the name "nothing" is unknown, expected maxConnections, /);
        return true;
      },
    );
    for (const text of ['constructor=1', 'limits=7', 'enabled.x=1'])
      await assert.rejects(editApps(store, set('1', text)), SettingsError, text);
    for (const text of [
      'enabled',
      '=1',
      '__proto__.enabled=false',
      'limits.=1',
      'id=2',
      'keys=[]',
      'keys.secret=x',
      'webhooks=@nowhere',
    ])
      assert.throws(() => parseAssignment(text), UsageError, text);
    await assert.rejects(editApps(store, set('2', 'enabled=true')), CommandFailed);
    assert.equal(await textOf(store), before);
  });

  it('[RG31] an app is disabled, enabled and removed; what is so already is not written again', async () => {
    const store = createMemoryAppStore();
    await editApps(store, addApp(newApp('1')));
    await editApps(store, enableApp('1', false));
    assert.equal((await appOf(store, '1')).enabled, false);
    const version = (await store.read(undefined))?.version;
    await editApps(store, enableApp('1', false));
    assert.equal((await store.read(undefined))?.version, version);
    await editApps(store, enableApp('1', true));
    assert.equal((await appOf(store, '1')).enabled, true);
    await editApps(store, removeApp('1'));
    assert.equal((await store.read(undefined))?.entries.size, 0);
    await assert.rejects(editApps(store, removeApp('1')), CommandFailed);
  });

  it('[RG32] a rotation adds the new key behind the old one, and its end leaves it alone', async () => {
    const store = createMemoryAppStore();
    await editApps(store, addApp(newApp('1', { pair })));
    await assert.rejects(editApps(store, finishRotation('1')), CommandFailed);
    const fresh = { key: 'k2', secret: 'topsecret-2' };
    assert.match(await editApps(store, rotateKey('1', fresh)), /topsecret-2/);
    assert.deepEqual((await appOf(store, '1')).keys, [pair, fresh]);
    await assert.rejects(
      editApps(store, rotateKey('1', { key: 'k3', secret: 'x' })),
      CommandFailed,
    );
    assert.doesNotMatch(await editApps(store, finishRotation('1')), /topsecret/);
    assert.deepEqual((await appOf(store, '1')).keys, [fresh]);
  });

  it('[RG33] of many changes at once none is lost', async () => {
    const store = createMemoryAppStore();
    const ids = Array.from({ length: 20 }, (_, index) => String(100 + index));
    await Promise.all(ids.map((id) => editApps(store, addApp(newApp(id)))));
    await Promise.all(
      ids.flatMap((id) => [
        editApps(store, set(id, 'clientEvents=false')),
        editApps(store, set(id, 'limits.maxEventBytes=7')),
      ]),
    );
    for (const id of ids) {
      const { clientEvents, limits } = await appOf(store, id);
      assert.deepEqual([clientEvents, limits.maxEventBytes], [false, 7]);
    }
  });

  it('[RG33] a key that somebody else took meanwhile is refused', async () => {
    const store = createMemoryAppStore();
    const slow: AppStore = {
      ...store,
      async change(expected, change) {
        // Somebody else is faster.
        if ((await store.read(undefined))?.version === undefined)
          await editApps(store, addApp(newApp('2', { pair })));
        return store.change(expected, change);
      },
    };
    await assert.rejects(editApps(slow, addApp(newApp('1', { pair }))), UsageError);
    assert.deepEqual([...((await store.read(undefined))?.entries.keys() ?? [])], ['2']);
  });

  it('[RG34] an app that cannot be read keeps nobody from the others', async () => {
    const store = createMemoryAppStore();
    await editApps(store, addApp(newApp('1')));
    const version = (await store.read(undefined))?.version;
    const broken = [
      ['2', '{"keys":[{"key":"k2","secret":"topsecret"}],"fromTheFuture":1}'],
      ['3', 'no JSON'],
    ] as const;
    await store.change(version, { version: 'v', entries: new Map(broken) });
    await editApps(store, set('1', 'clientEvents=false'));
    const taken = newApp('4', { pair: { key: 'k2', secret: 'x' } });
    await assert.rejects(editApps(store, addApp(taken)), UsageError);
    await assert.rejects(editApps(store, set('3', 'clientEvents=false')), CommandFailed);
    await assert.rejects(editApps(store, set('2', 'clientEvents=false')), SettingsError);
    await editApps(store, set('2', 'fromTheFuture='));
    const { entries } = (await store.read(undefined)) ?? { entries: new Map() };
    assert.match(appTable(entries), /^3 +cannot be used$[^]*app 3: expected JSON/m);
    assert.match(appJson(entries), /expected JSON/);
    await editApps(store, removeApp('3'));
    assert.doesNotMatch(appTable((await store.read(undefined))?.entries ?? new Map()), /cannot/);
  });
});
