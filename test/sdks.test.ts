import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import PusherServer from 'pusher';
import EdgePusher from 'pusher-http-edge';
import { rootFile } from './deploy-files.ts';
import { PusherJsClass, type PusherJs } from './sdk.ts';

const document = rootFile('docs/sdks.md');
const require = createRequire(import.meta.url);

/** The part of the document under a heading, up to the next one of any depth. */
function part(heading: string): string {
  const [, rest] = document.split(new RegExp(`^#+ ${heading}$`, 'm'));
  assert.ok(rest !== undefined, `docs/sdks.md has no heading '${heading}'`);
  return rest.split(/^#/m)[0] ?? '';
}

/** Names in the first column of the table. */
function rowsOf(heading: string): readonly string[] {
  return part(heading)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => namesIn(line.split('|')[1] ?? ''));
}

/** The same, and those in the sentence below the table that are no business of a server. */
function namedIn(heading: string): readonly string[] {
  const below = part(heading)
    .split('\n\n')
    .filter((text) => /^(Its |The SDK's own|For `X-)/.test(text));
  const own = below.flatMap((text) => namesIn(text.replace(/^.*(?=The SDK's own)/s, '')));
  return [...rowsOf(heading), ...own.filter((name) => !name.startsWith('X-'))];
}

function namesIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
}

/** What the class of an object and those that it extends answer to; what is private is left out. */
function methodsOf(object: object, isPrivate = new Set<string>()): ReadonlySet<string> {
  const names = new Set<string>();
  for (
    let prototype = Object.getPrototypeOf(object) as object | null;
    prototype !== null && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype) as object | null
  )
    for (const name of Object.getOwnPropertyNames(prototype))
      if (typeof Reflect.get(prototype, name) === 'function') names.add(name);
  for (const name of names)
    if (name === 'constructor' || name.startsWith('_') || isPrivate.has(name)) names.delete(name);
  return names;
}

/** Methods of the prototype and statics of a class. */
function callsOf(of: { readonly prototype: object }): ReadonlySet<string> {
  const instance = Object.create(of.prototype) as object;
  const builtin = new Set(['length', 'name', 'prototype', 'arguments', 'caller']);
  const statics = Object.getOwnPropertyNames(of).filter((name) => !builtin.has(name));
  return new Set([...methodsOf(instance), ...statics]);
}

const TYPES = 'pusher-js/types/src/core';

/** Names that the types of pusher-js call private. */
function privateIn(file: string): Set<string> {
  const text = readFileSync(require.resolve(`${TYPES}/${file}.d.ts`), 'utf8');
  return new Set([...text.matchAll(/^ +private (\w+)/gm)].map(([, name = '']) => name));
}

/** Public methods of a class as the types of Laravel Echo have it. */
function echoMethods(name: string): ReadonlySet<string> {
  const file = require.resolve('laravel-echo').replace(/[^/]+$/, 'echo.d.ts');
  const text = readFileSync(file, 'utf8').replaceAll('\r', '');
  const [, body = ''] =
    new RegExp(
      `\\n(?:export )?declare (?:abstract )?class ${name}\\b[^]*? \\{\\n([^]*?)\\n\\}`,
    ).exec(text) ?? [];
  assert.notEqual(body, '', `Laravel Echo has no class ${name}`);
  const methods = [...body.matchAll(/^ {4}(?:abstract )?(\w+)\(/gm)].map(([, each = '']) => each);
  return new Set(methods.filter((each) => each !== 'constructor'));
}

function same(names: Iterable<string>, heading: string): void {
  assert.deepEqual([...namedIn(heading)].toSorted(), [...names].toSorted(), heading);
}

describe('docs/sdks.md', () => {
  it('[SK80] names every call of the server SDKs', () => {
    same(callsOf(PusherServer), 'pusher');
    same(callsOf(EdgePusher), 'pusher-http-edge');
    const request = { headers: {}, rawBody: '' };
    const sdk = new PusherServer({ appId: '1', key: 'k', secret: 's', host: '127.0.0.1' });
    const [webhook, edge] = [
      sdk.webhook(request),
      new EdgePusher({ appId: '1', key: 'k', secret: 's' }).webhook(request),
    ];
    same(methodsOf(webhook), 'Webhook of pusher');
    assert.deepEqual(methodsOf(edge), methodsOf(webhook));
  });

  it('[SK80] names every call and option of pusher-js', () => {
    // Without a transport it connects to nobody.
    const pusher: PusherJs = new PusherJsClass('key', { cluster: 'x', enabledTransports: [] });
    same(methodsOf(pusher), 'pusher-js');
    const presence = pusher.subscribe('presence-x') as unknown as { readonly members: object };
    const channels = ['x', 'private-x', 'private-encrypted-x', 'presence-x'];
    same(
      new Set(channels.flatMap((name) => [...methodsOf(pusher.subscribe(name))])),
      'Channel of pusher-js',
    );
    same(methodsOf(presence.members), 'Members of pusher-js');
    const { connection, user } = pusher;
    const inside = privateIn('connection/connection_manager');
    same(methodsOf(connection, inside), 'Connection of pusher-js');
    same(methodsOf(user), 'User of pusher-js');
    same(methodsOf(user.watchlist, privateIn('watchlist')), 'Watchlist of pusher-js');
    const types = readFileSync(require.resolve(`${TYPES}/options.d.ts`), 'utf8');
    const [, options = ''] = /interface Options \{\n([^]*?)\n\}/.exec(types) ?? [];
    const names = [...options.matchAll(/^ {4}(\w+)\??:/gm)].map(([, name = '']) => name);
    assert.deepEqual([...rowsOf('Options of pusher-js')].toSorted(), names.toSorted());
  });

  it('[SK80] names every call of Laravel Echo', () => {
    const hidden = new Set(['connectorSupportsEncryptedPrivateChannels']);
    same(
      [...echoMethods('Echo')].filter((name) => !hidden.has(name)),
      'Echo of laravel-echo',
    );
    same(echoMethods('PusherConnector'), 'Connector of laravel-echo');
    const kinds = [
      'Channel',
      'PusherChannel',
      'PusherPrivateChannel',
      'PusherEncryptedPrivateChannel',
      'PusherPresenceChannel',
    ];
    same(new Set(kinds.flatMap((kind) => [...echoMethods(kind)])), 'Channel of laravel-echo');
  });

  it('[SK81] names rules that exist for each of them, and the versions that are installed', () => {
    const rules = new Set(
      [...rootFile('test/SPEC.md').matchAll(/^- \*\*([A-Z]{2}\d+)\*\* /gm)].map(([, rule]) => rule),
    );
    const rows = document.split('\n').filter((line) => line.startsWith('| `'));
    assert.ok(rows.length > 100);
    const used = new Set<string>();
    for (const row of rows) {
      const named = (row.split('|')[3] ?? '').trim().split(', ');
      for (const rule of named) {
        assert.ok(rules.has(rule), `no rule '${rule}': ${row}`);
        used.add(rule);
      }
    }
    const { devDependencies } = JSON.parse(rootFile('package.json')) as {
      readonly devDependencies: Readonly<Record<string, string>>;
    };
    const [, versions = ''] = /^Versions: (.*?)\. /ms.exec(document) ?? [];
    for (const sdk of ['pusher-js', 'laravel-echo', 'pusher', 'pusher-http-edge'])
      assert.ok(versions.includes(`\`${sdk}\` ${devDependencies[sdk]}`), `${sdk} in: ${versions}`);
  });
});
