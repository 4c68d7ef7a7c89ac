import assert from 'node:assert/strict';
import { startApiServer, type ApiServer, type ApiServerOptions } from '../src/index.ts';
import { signed, trigger, type Harness, type Signing } from './harness.ts';
import type { RawAnswer } from './raw-client.ts';

type Times = NonNullable<ApiServerOptions['times']>;

export function start({ app, events }: Harness, times: Times = {}): Promise<ApiServer> {
  return startApiServer({ host: '127.0.0.1', port: 0, app, events, times });
}

export function head(request: Signing, headers: readonly string[]): string {
  return [`${request.method ?? 'POST'} ${signed(request)} HTTP/1.1`, ...headers, '', ''].join(
    '\r\n',
  );
}

/** A whole request as its bytes. */
export function post(request: Signing = { body: trigger() }): string {
  const { body = '' } = request;
  return head(request, ['Host: x', `Content-Length: ${Buffer.byteLength(body)}`]) + String(body);
}

export function assertAnswer({ status, text }: RawAnswer, expected: number, begin = '{}'): void {
  assert.equal(status, expected, text);
  assert.ok(text.startsWith(begin), `${text} begins ${begin}`);
  if (expected !== 200) assert.ok(text.endsWith('\n'));
}
