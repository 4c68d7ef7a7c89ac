import { quote } from './quote.ts';
import { httpError } from './refusal.ts';

/** Characters of the string to sign that an error repeats; longer ones are cut. */
const STRING_TO_SIGN_CHARS = 2000;

/**
 * Every answer of the API that is not a 200. Texts are hosted Pusher's where one was ever seen;
 * the `text/plain` bodies are what people search for.
 */
export const httpErrors = {
  // Who is asking: in the order of the checks.
  parameterCount: httpError(
    400,
    (max: number) => `The query of this request has more than ${max} parameters`,
  ),
  repeatedParameter: httpError(401, (name: string) => `Repeated parameter: ${quote(name)}`),
  authKeyMissing: httpError(401, () => 'Missing parameter: auth_key'),
  authKeyUnknown: httpError(401, () => 'Unknown auth_key'),
  versionMissing: httpError(401, () => 'Version required'),
  versionUnsupported: httpError(401, () => 'Version not supported'),
  timestampMissing: httpError(401, () => 'Timestamp required'),
  timestampExpired: httpError(
    401,
    (given: string, seconds: number, now: string) =>
      `Timestamp expired: Given timestamp (${given}) not within ${seconds}s of server time (${now})`,
  ),
  signatureMissing: httpError(401, () => 'Missing parameter: auth_signature'),
  signatureInvalid: httpError(
    401,
    (stringToSign: string, signature: string) =>
      `Invalid signature: you should have sent HmacSHA256Hex(${quote(stringToSign, STRING_TO_SIGN_CHARS)}, your_secret_key), but you sent ${quote(signature)}`,
  ),
  bodyMd5Missing: httpError(401, () => 'Missing parameter: body_md5'),
  bodyMd5Wrong: httpError(
    401,
    (received: string, given: string) =>
      `Invalid body_md5: the MD5 of the body received is ${received}, but you sent ${quote(given)}`,
  ),
  appMismatch: httpError(401, () => 'Unknown auth_key: it belongs to another app'),
  appDisabled: httpError(403, () => 'Application disabled'),

  // What is asked: the request itself.
  bodyTooLarge: httpError(
    413,
    (bytes: number) => `The body of this request exceeds the allowed maximum (${bytes} bytes)`,
  ),
  bodyIncomplete: httpError(400, () => 'The body of this request ended early'),
  bodyNotUtf8: httpError(400, () => 'Expected the body to be UTF-8'),
  bodyNotJson: httpError(400, () => 'Expected the body to be JSON'),
  bodyNotObject: httpError(400, () => 'Expected the body to be a JSON object'),
  idempotencyKey: httpError(
    400,
    (chars: number) =>
      `Invalid Idempotency-Key header: expected 1 to ${chars} visible ASCII characters`,
  ),

  // What is asked: its parameters.
  parameterMissing: httpError(400, (name: string) => `Missing required parameter: ${name}`),
  parameterType: httpError(
    400,
    (name: string, type: string) => `Expected ${name} parameter to be ${type}`,
  ),
  eventName: httpError(
    400,
    (name: string, rule: string) => `Invalid event name ${quote(name)}: ${rule}`,
  ),
  eventNameReserved: httpError(
    400,
    (name: string) =>
      `Invalid event name ${quote(name)}: names beginning pusher: or pusher_internal: are reserved`,
  ),
  dataTooDeep: httpError(400, () => 'Invalid data parameter: it is nested too deeply'),
  dataTooLarge: httpError(
    413,
    (bytes: number) =>
      `The data content of this event exceeds the allowed maximum (${bytes} bytes). See https://pusher.com/docs/channels/server_api/http-api#publishing-events for more info`,
  ),
  channelCount: httpError(
    400,
    (max: number, got: number) =>
      `Invalid channels parameter: expected 1 to ${max} channels, got ${got}`,
  ),
  channelName: httpError(
    400,
    (name: string, rule: string) => `Invalid channel name ${quote(name)}: ${rule}`,
  ),
  userId: httpError(
    400,
    (id: string, chars: number) =>
      `Invalid user id ${quote(id)}: expected 1 to ${chars} characters out of A-Z a-z 0-9 _ - = @ , . ;`,
  ),
  socketId: httpError(
    400,
    (id: string) =>
      `Invalid socket id ${quote(id)}: expected two whole numbers joined by a dot, such as 123.456`,
  ),
  infoAttribute: httpError(
    400,
    (attribute: string, known: string) =>
      `Invalid info attribute ${quote(attribute)}: info should be a comma separated list of attributes out of ${known}`,
  ),
  // The next three are hosted Pusher's, its own spelling included: SDKs' tests compare them.
  userCountPrefix: httpError(
    400,
    () =>
      'user_count may only be requested for presence channels - please supply filter_by_prefix begining with presence-',
  ),
  userCountChannel: httpError(
    400,
    () => 'Cannot retrieve the user count unless the channel is a presence channel',
  ),
  usersChannel: httpError(400, () => 'Users can only be retrieved for presence channels'),
  cacheChannel: httpError(
    400,
    () => 'Cannot retrieve the cache unless the channel is a cache channel',
  ),
  channelsListed: httpError(
    400,
    (max: number) =>
      `More than ${max} channels are occupied: expected a filter_by_prefix that fewer names begin with`,
  ),
  batchSize: httpError(
    400,
    (max: number, got: number) =>
      `Invalid batch parameter: expected 1 to ${max} events, got ${got}`,
  ),
  batchChannels: httpError(
    400,
    () => 'Unexpected parameter: channels. An event of a batch has exactly one channel',
  ),

  // How much of it.
  triggerRate: httpError(
    429,
    (perSecond: number, _seconds: number) =>
      `Over the limit of ${perSecond} events per second of this app`,
    (_perSecond, seconds) => ({ 'retry-after': String(seconds) }),
  ),
  readRate: httpError(
    429,
    (perSecond: number, _seconds: number) =>
      `Over the limit of ${perSecond} queries per second of this app`,
    (_perSecond, seconds) => ({ 'retry-after': String(seconds) }),
  ),

  // Whether it can be had.
  notFound: httpError(404, () => '404 NOT FOUND'),
  methodNotAllowed: httpError(
    405,
    (allowed: string) => `405 METHOD NOT ALLOWED: expected ${allowed}`,
    (allowed) => ({ allow: allowed }),
  ),
  unavailable: httpError(
    503,
    () => 'The cluster is unavailable, please repeat the request',
    () => ({ 'retry-after': '1' }),
  ),
  internal: httpError(500, () => 'Internal server error'),

  // What is no HTTP request we can read; the connection is closed afterwards.
  requestInvalid: httpError(400, () => 'Expected an HTTP/1.1 request'),
  requestTimeout: httpError(408, () => 'The request was not received in time'),
  headersTooLarge: httpError(
    431,
    (bytes: number) => `The request line and headers exceed the allowed maximum (${bytes} bytes)`,
  ),
} as const;
