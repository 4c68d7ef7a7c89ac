import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appSchema, createMemoryAppRegistry } from '../src/index.ts';
import { appId, appKey } from './given.ts';

const one = appSchema.parse({
  id: '1001',
  keys: [
    { key: 'new', secret: 's1' },
    { key: 'old', secret: 's2' },
  ],
});
const other = appSchema.parse({ id: '1002', keys: [{ key: '1001', secret: 's3' }] });
const registry = createMemoryAppRegistry([one, other]);

describe('Memory app registry', () => {
  it('[AR1] an app is found by its id and by each of its keys', () => {
    assert.equal(registry.byId(appId('1001')), one);
    assert.equal(registry.byKey(appKey('new')), one);
    assert.equal(registry.byKey(appKey('old')), one);
    assert.deepEqual(registry.all(), [one, other]);
  });

  it('[AR1] a key that looks like another app’s id finds the app it belongs to', () => {
    assert.equal(registry.byKey(appKey('1001')), other);
    assert.equal(registry.byKey(appKey('1002')), undefined);
  });

  it('[AR1] nothing else finds an app', () => {
    assert.equal(registry.byId(appId('1003')), undefined);
    for (const key of ['New', 'neW', 'unknown', '__proto__', 'constructor', 'toString', 'size'])
      assert.equal(registry.byKey(appKey(key)), undefined, key);
  });
});
