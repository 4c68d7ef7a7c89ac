import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConnectRequest } from '../src/index.ts';

const code = (path: string, protocol: string | undefined, prefix = ''): number | 'in' => {
  const request = parseConnectRequest(path, protocol, prefix);
  return request.ok ? 'in' : request.reason.code;
};

describe('Connect requests', () => {
  const paths: readonly (readonly [prefix: string, path: string, key: string])[] = [
    ['', '/app/278d425bdf160c739803', '278d425bdf160c739803'],
    ['', '/app/k/', 'k'],
    ['', '/app/a-b_C', 'a-b_C'],
    ['', '/app/__proto__', '__proto__'],
    ['', '/app/%41b', 'Ab'],
    ['', '/app/a%2Fb', 'a/b'],
    ['', '/app/gr%C3%BC%C3%9Fe', 'grüße'],
    ['', '/app/app', 'app'],
    ['/push', '/push/app/k', 'k'],
    ['/a/b', '/a/b/app/k', 'k'],
    ['/app', '/app/app/k', 'k'],
  ];
  for (const [prefix, path, key] of paths)
    it(`[CN2] ${path} with the prefix '${prefix}' asks for the key ${key}`, () =>
      assert.deepEqual(parseConnectRequest(path, '7', prefix), { ok: true, key }));

  const wrongPaths: readonly (readonly [prefix: string, path: string])[] = [
    ['', ''],
    ['', '/'],
    ['', '/app'],
    ['', '/app/'],
    ['', '/app//'],
    ['', '/app/k/x'],
    ['', '/app/k//'],
    ['', '/App/k'],
    ['', '/apps/k'],
    ['', 'app/k'],
    ['', '/app/%'],
    ['', '/app/%zz'],
    ['', '/app/%FF'],
    ['', '/app/%ED%A0%80'],
    ['/push', '/app/k'],
    ['/push', '/pushapp/k'],
    ['/push', '/push'],
    ['/push', '/Push/app/k'],
    ['/push', '/push/push/app/k'],
  ];
  for (const [prefix, path] of wrongPaths)
    it(`[CN4] ${path} with the prefix '${prefix}' is no path of ours`, () =>
      assert.equal(code(path, '7', prefix), 4005));

  for (const protocol of ['4', '5', '6', '7', '07', undefined, ''])
    it(`[CN3] protocol ${protocol ?? 'left out'} is let in`, () =>
      assert.deepEqual(parseConnectRequest('/app/k', protocol, ''), { ok: true, key: 'k' }));

  for (const protocol of ['3', '8', '0', '1', '-1', '-7', '70', '9'.repeat(500)])
    it(`[CN4] protocol ${protocol.slice(0, 9)} is out of range`, () =>
      assert.equal(code('/app/k', protocol), 4007));

  const noIntegers = [
    '7.0',
    '7.5',
    'seven',
    ' 7',
    '7 ',
    '7\n',
    '+7',
    '0x7',
    '7e0',
    '--7',
    '-',
    '٧',
  ];
  for (const protocol of [...noIntegers, 'NaN', 'Infinity', '__proto__', '\u0000'])
    it(`[CN4] protocol ${JSON.stringify(protocol)} is no integer`, () =>
      assert.equal(code('/app/k', protocol), 4006));

  it('[CN4] a path that is not ours is said so before the protocol is looked at', () => {
    assert.equal(code('/nowhere', 'seven'), 4005);
    assert.equal(code('/nowhere', '99'), 4005);
  });
});
