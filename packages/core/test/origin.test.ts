import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allowsOrigin, appSchema } from '../src/index.ts';

function appOf(allowedOrigins: unknown): unknown {
  return { id: '1', keys: [{ key: 'k', secret: 's' }], allowedOrigins };
}

function allows(pattern: string, origin: string | undefined): boolean {
  return allowsOrigin(appSchema.parse(appOf([pattern])).allowedOrigins, origin);
}

describe('Origins', () => {
  const same: readonly (readonly [pattern: string, origin: string])[] = [
    ['https://example.com', 'https://example.com'],
    ['https://Example.COM', 'https://example.com'],
    ['HTTPS://example.com', 'https://EXAMPLE.com'],
    ['https://example.com:443', 'https://example.com'],
    ['https://example.com', 'https://example.com:443'],
    ['http://example.com:80', 'http://example.com'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['http://127.0.0.1', 'http://127.0.0.1'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ['chrome-extension://abcdefgh', 'chrome-extension://abcdefgh'],
    ['https://xn--bcher-kva.example', 'https://xn--bcher-kva.example'],
    ['null', 'null'],
    ['file://', 'file://'],
    ['https://*.example.com', 'https://app.example.com'],
    ['https://*.example.com:443', 'https://APP.example.com'],
    ['https://*.*.example.com', 'https://a.b.example.com'],
    ['https://app.*.com', 'https://app.example.com'],
    ['http://*', 'http://localhost'],
    ['http://*:8080', 'http://localhost:8080'],
    ['http://dev.*:8080', 'http://dev.test:8080'],
  ];
  for (const [pattern, origin] of same)
    it(`[LM3] ${pattern} lets ${origin} in`, () => assert.equal(allows(pattern, origin), true));

  const other: readonly (readonly [pattern: string, origin: string])[] = [
    ['https://example.com', 'http://example.com'],
    ['https://example.com', 'https://example.com:8443'],
    ['http://example.com', 'http://example.com:443'],
    ['https://example.com', 'https://app.example.com'],
    ['https://example.com', 'https://example.com.evil.test'],
    ['https://example.com', 'https://evilexample.com'],
    ['https://*.example.com', 'https://example.com'],
    ['https://*.example.com', 'https://a.b.example.com'],
    ['https://*.example.com', 'https://.example.com'],
    ['https://*.example.com', 'https://evil.test/.example.com'],
    ['https://*.example.com', 'https://evil.test#.example.com'],
    ['https://*.example.com', 'https://evil.test@a.example.com'],
    ['https://*.example.com', 'https://*.example.com'],
    ['https://*.example.com', 'http://a.example.com'],
    ['https://*.example.com', 'https://a.example.com:8443'],
    ['http://*', 'http://localhost:8080'],
    ['http://*:8080', 'http://localhost'],
    ['http://*:8080', 'http://localhost:80801'],
    ['http://*', 'http://[::1]'],
    ['https://example.com', 'null'],
    ['https://example.com', 'garbage'],
    ['https://example.com', `https://${'a'.repeat(100_000)}.example.com`],
    ['https://*.example.com', `https://${'a.'.repeat(50_000)}example.com`],
  ];
  for (const [pattern, origin] of other)
    it(`[LM3] ${pattern} keeps ${origin.slice(0, 60)} out`, () =>
      assert.equal(allows(pattern, origin), false));

  it('[LM4] who sends no origin is let in, and without a list everybody is', () => {
    for (const origin of [undefined, '']) assert.equal(allows('https://example.com', origin), true);
    for (const origin of ['https://any.test', 'null', 'garbage', ''])
      assert.equal(allowsOrigin([], origin), true);
  });

  it('[LM3] what can be no origin is refused as a setting, with what was expected', () => {
    const wrong: readonly unknown[] = [
      '*',
      'example.com',
      'https://',
      'https://example.com/',
      'https://example.com/path',
      'https://a*.example.com',
      'https://example.com:*',
      'https://example.com:123456',
      'https://exa mple.com',
      'https://user@example.com',
      'https://bücher.example',
      'https://a..b',
      `https://${'a'.repeat(300)}`,
      '',
      7,
      null,
    ];
    for (const origin of wrong) {
      const { error } = appSchema.safeParse(appOf([origin]));
      assert.match(error?.issues[0]?.message ?? '', /^expected an origin such as/, String(origin));
    }
  });

  it('[LM3] an app has at most 500 of them', () => {
    const origins = Array.from({ length: 501 }, (_, at) => `https://${at}.example.com`);
    assert.equal(appSchema.safeParse(appOf(origins.slice(1))).success, true);
    const { error } = appSchema.safeParse(appOf(origins));
    assert.deepEqual(
      error?.issues.map(({ message }) => message),
      ['expected at most 500 origins'],
    );
  });
});
