import { md5, sign } from '@fanfare/core';
import { requestStringToSign, type QueryParam } from '@fanfare/protocol';

/** Path and query of a POST to the API, signed as an SDK signs it. */
export function signedTarget(
  pair: { readonly key: string; readonly secret: string },
  path: string,
  body: string,
  nowMs: number,
): string {
  const params: readonly QueryParam[] = [
    ['auth_key', pair.key],
    ['auth_timestamp', String(Math.floor(nowMs / 1000))],
    ['auth_version', '1.0'],
    ['body_md5', md5(body)],
  ];
  const query = new URLSearchParams(params.map(([name, value]): [string, string] => [name, value]));
  query.set('auth_signature', sign(pair.secret, requestStringToSign('POST', path, params)));
  return `${path}?${query.toString()}`;
}
