import type { Kit } from '../kit.ts';
import { hmac, type Params, requestText } from '../signing.ts';

type Pair = readonly [name: string, value: string];

export function now(offset = 0): string {
  return String(Math.floor(Date.now() / 1000) + offset);
}

/** The usual parameters, some of them replaced or, as undefined, left out. */
export function authParams(
  kit: Kit,
  changed: Readonly<Record<string, string | undefined>> = {},
): Params {
  const all: Readonly<Record<string, string | undefined>> = {
    auth_key: kit.credentials.key,
    auth_timestamp: now(),
    auth_version: '1.0',
    ...changed,
  };
  return Object.entries(all).flatMap(([name, value]): readonly Pair[] =>
    value === undefined ? [] : [[name, value]],
  );
}

export function withSignature(kit: Kit, method: string, path: string, params: Params): Params {
  const signature = hmac(kit.credentials.secret, requestText(method, path, params));
  return [...params, ['auth_signature', signature]];
}
