import { createHash, createHmac } from 'node:crypto';

/**
 * Signatures written from Pusher's documentation and not taken from Fanfare's own packages: a
 * mistake there would sign what it then accepts.
 */
export interface Credentials {
  readonly appId: string;
  readonly key: string;
  readonly secret: string;
}

export type Params = readonly (readonly [name: string, value: string])[];

export function hmac(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('hex');
}

export function md5(text: string | Uint8Array): string {
  return createHash('md5').update(text).digest('hex');
}

/** `auth` of a subscription; with `channelData` where the backend signed some. */
export function channelAuth(
  { key, secret }: Credentials,
  socketId: string,
  channel: string,
  channelData?: string,
): string {
  const end = channelData === undefined ? '' : `:${channelData}`;
  return `${key}:${hmac(secret, `${socketId}:${channel}${end}`)}`;
}

/** `auth` of a signin. */
export function userAuth({ key, secret }: Credentials, socketId: string, userData: string): string {
  return `${key}:${hmac(secret, `${socketId}::user::${userData}`)}`;
}

/** The text that the signature of an API request covers. */
export function requestText(method: string, path: string, params: Params): string {
  const signed = params
    .map(([name, value]): readonly [string, string] => [name.toLowerCase(), value])
    .toSorted(([one], [other]) => (one < other ? -1 : Number(one > other)))
    .map(([name, value]) => `${name}=${value}`);
  return [method, path, signed.join('&')].join('\n');
}

/** All parameters of a signed request, the signature last, as the SDK for Node orders them. */
export function signedParams(
  credentials: Credentials,
  request: {
    readonly method: string;
    readonly path: string;
    readonly params?: Params;
    readonly body?: string;
  },
): Params {
  const { method, path, params = [], body = '' } = request;
  const all: Params = [
    ['auth_key', credentials.key],
    ['auth_timestamp', String(Math.floor(Date.now() / 1000))],
    ['auth_version', '1.0'],
    ...(body === '' ? [] : [['body_md5', md5(body)] as const]),
    ...params,
  ];
  return [...all, ['auth_signature', hmac(credentials.secret, requestText(method, path, all))]];
}
