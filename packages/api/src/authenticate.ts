import { isSignatureOf, md5, type App, type AppRegistry } from '@fanfare/core';
import { limits, parseAppKey, requestStringToSign, type QueryParam } from '@fanfare/protocol';
import { httpErrors } from './http-errors.ts';
import {
  asSent,
  formDecoded,
  hasArrays,
  joinArrays,
  parseQuery,
  percentDecoded,
  QUERY_PARAMS_MAX,
  queryValue,
  repeatedName,
} from './query.ts';
import type { Refusal } from './refusal.ts';

/** What a signature covers, as it was sent: path and query still percent-encoded. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
}

export interface Caller {
  readonly app: App;
  /** The parameters of the query, read as the caller signed them. */
  readonly params: readonly QueryParam[];
}

/**
 * Whose request this is. Covers everything that can be known before the body, so that nobody
 * without a key makes us read one; `checkBody` covers the body.
 */
export function authenticate(
  request: SignedRequest,
  apps: AppRegistry,
  nowMs: number,
): Caller | Refusal {
  const params = parseQuery(request.query, percentDecoded);
  if (params.length > QUERY_PARAMS_MAX) return httpErrors.parameterCount(QUERY_PARAMS_MAX);
  const repeated = repeatedName(params);
  if (repeated !== undefined) return httpErrors.repeatedParameter(repeated);

  const sentKey = queryValue(params, 'auth_key');
  if (sentKey === undefined) return httpErrors.authKeyMissing();
  const key = parseAppKey(sentKey);
  const app = key === undefined ? undefined : apps.byKey(key);
  const pair = app?.keys.find((candidate) => candidate.key === key);
  if (app === undefined || pair === undefined) return httpErrors.authKeyUnknown();

  const version = queryValue(params, 'auth_version');
  if (version === undefined && !mayOmitVersion(app, request)) return httpErrors.versionMissing();
  if (version !== undefined && version !== '1.0') return httpErrors.versionUnsupported();

  const stale = checkTimestamp(queryValue(params, 'auth_timestamp'), nowMs);
  if (stale !== undefined) return stale;

  const signature = queryValue(params, 'auth_signature');
  if (signature === undefined) return httpErrors.signatureMissing();
  const path = percentDecoded(request.path);
  const stringToSign = requestStringToSign(request.method, path, params);
  if (isSignatureOf(signature, pair.secret, stringToSign)) return { app, params };
  for (const other of otherReadings(request, path, params))
    if (isSignatureOf(signature, pair.secret, other.stringToSign))
      return { app, params: other.params };
  return httpErrors.signatureInvalid(stringToSign, signature);
}

/** A parameter the caller signed stays signed: Python sends the MD5 of nothing with its GETs. */
export function checkBody(params: readonly QueryParam[], body: Buffer): Refusal | undefined {
  const given = queryValue(params, 'body_md5');
  if (given === undefined) return body.length === 0 ? undefined : httpErrors.bodyMd5Missing();
  const received = md5(body);
  return given === received ? undefined : httpErrors.bodyMd5Wrong(received, given);
}

/** The app id that webman's PHP class has built in. */
const WEBMAN_APP_ID = '1024';

/** That class sends none, and neither need any other caller of webman/push. */
function mayOmitVersion({ dialect }: App, { path }: SignedRequest): boolean {
  return dialect === 'webman' || path.startsWith(`/apps/${WEBMAN_APP_ID}/`);
}

/** `pathAppId` is undefined for paths without an app. An id that is no app's is a path that is none. */
export function checkApp(
  app: App,
  pathAppId: string | undefined,
  apps: AppRegistry,
): Refusal | undefined {
  if (pathAppId !== undefined && pathAppId !== app.id) {
    const all = apps.all();
    if (!(pathAppId === WEBMAN_APP_ID && all.length === 1))
      return all.some(({ id }) => id === pathAppId)
        ? httpErrors.appMismatch()
        : httpErrors.notFound();
  }
  return app.enabled ? undefined : httpErrors.appDisabled();
}

const DIGITS = /^\d{1,12}$/;

function checkTimestamp(given: string | undefined, nowMs: number): Refusal | undefined {
  if (given === undefined) return httpErrors.timestampMissing();
  const now = Math.floor(nowMs / 1000);
  const seconds = DIGITS.test(given) ? Number(given) : Number.NaN;
  if (Math.abs(now - seconds) < limits.requestAgeSeconds) return undefined;
  return httpErrors.timestampExpired(isoTime(seconds), limits.requestAgeSeconds, isoTime(now));
}

function isoTime(seconds: number): string {
  const time = new Date(seconds * 1000);
  // More seconds than a calendar has, or none at all.
  if (Number.isNaN(time.getTime())) return 'no unix time in seconds';
  return time.toISOString().replace('.000Z', 'Z');
}

interface Reading {
  readonly stringToSign: string;
  readonly params: readonly QueryParam[];
}

/**
 * The strings an SDK may have signed instead, each only where it differs: Java signs what it
 * encoded, a form's `+` is a space, PHP joins arrays. What is read is the same in all of them
 * except for `+`.
 */
function otherReadings(
  request: SignedRequest,
  path: string,
  params: readonly QueryParam[],
): readonly Reading[] {
  const { query } = request;
  const forms: { readonly signed: readonly QueryParam[]; readonly read: readonly QueryParam[] }[] =
    [{ signed: params, read: params }];
  if (query.includes('+')) {
    const spaced = parseQuery(query, formDecoded);
    forms.push({ signed: spaced, read: spaced });
  }
  if (query.includes('%')) forms.push({ signed: parseQuery(query, asSent), read: params });
  const joined = hasArrays(params)
    ? forms.map(({ signed, read }) => ({ signed: joinArrays(signed), read }))
    : [];
  const paths = request.path === path ? [path] : [path, request.path];
  const all = paths.flatMap((each) =>
    [...forms, ...joined].map(({ signed, read }) => ({
      stringToSign: requestStringToSign(request.method, each, signed),
      params: read,
    })),
  );
  // The first is the one that was tried already.
  return all.slice(1);
}
