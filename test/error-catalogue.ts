import { httpErrors } from '@fanfare/api';
import { clientErrors, closeReasons, unknownAppKey } from '@fanfare/protocol';

/** One error as docs/errors.md has it: `{…}` stands for what is put in. */
export interface CataloguedError {
  /** A close code, the code of an error on an open socket, or an HTTP status. */
  readonly code: string;
  readonly text: string;
}

/** As many texts as the error has arguments. */
type Placeholders<Maker> = Maker extends (...args: infer Args) => unknown
  ? { readonly [At in keyof Args]: string }
  : never;

type Catalogue<Errors> = { readonly [Name in keyof Errors]: Placeholders<Errors[Name]> };

/** With all errors of the code: one that is missing here is an error of types. */
const onSocket: Catalogue<typeof clientErrors> = {
  invalidJson: [],
  binaryFrame: [],
  missingParameter: ['{name}'],
  invalidParameter: ['{name}', '{expected}'],
  unsupportedEvent: ['{event}'],
  invalidChannelName: ['{channel}', '{rule}'],
  existingSubscription: ['{channel}'],
  noSubscription: ['{channel}'],
  tooManyChannels: ['{max}'],
  authRequired: ['{channel}'],
  invalidAuthKey: ['{key}'],
  invalidSignature: ['{string}', '{signature}'],
  invalidUserId: ['{chars}'],
  invalidUserInfo: [],
  userInfoTooLarge: ['{bytes}'],
  presenceChannelFull: ['{channel}', '{max}'],
  invalidSigninKey: ['{key}'],
  invalidSigninUser: ['{chars}'],
  invalidSigninInfo: [],
  invalidWatchlist: ['{chars}'],
  signedInAlready: [],
  watchlistTooLong: ['{max}'],
  otherUsersChannel: ['{channel}'],
  presenceUserTooLong: ['{chars}'],
  clientEventsDisabled: [],
  clientEventChannel: [],
  clientEventNotSubscribed: ['{channel}'],
  clientEventIncomplete: [],
  clientEventName: ['{chars}'],
  clientEventNameInvalid: ['{rule}'],
  clientEventTooLarge: ['{bytes}'],
  clientEventRate: ['{max}'],
};

const onApi: Catalogue<typeof httpErrors> = {
  parameterCount: ['{max}'],
  repeatedParameter: ['{name}'],
  authKeyMissing: [],
  authKeyUnknown: [],
  versionMissing: [],
  versionUnsupported: [],
  timestampMissing: [],
  timestampExpired: ['{time}', '{seconds}', '{time}'],
  signatureMissing: [],
  signatureInvalid: ['{string}', '{signature}'],
  bodyMd5Missing: [],
  bodyMd5Wrong: ['{md5}', '{md5}'],
  appMismatch: [],
  appDisabled: [],
  bodyTooLarge: ['{bytes}'],
  bodyIncomplete: [],
  bodyNotUtf8: [],
  bodyNotJson: [],
  bodyNotObject: [],
  idempotencyKey: ['{chars}'],
  parameterMissing: ['{name}'],
  parameterType: ['{name}', '{type}'],
  eventName: ['{name}', '{rule}'],
  eventNameReserved: ['{name}'],
  dataTooDeep: [],
  dataTooLarge: ['{bytes}'],
  channelCount: ['{max}', '{count}'],
  channelName: ['{channel}', '{rule}'],
  userId: ['{id}', '{chars}'],
  socketId: ['{id}'],
  infoAttribute: ['{attribute}', '{attributes}'],
  userCountPrefix: [],
  userCountChannel: [],
  usersChannel: [],
  cacheChannel: [],
  channelsListed: ['{max}'],
  batchSize: ['{max}', '{count}'],
  batchChannels: [],
  triggerRate: ['{max}', '{seconds}'],
  readRate: ['{max}', '{seconds}'],
  notFound: [],
  methodNotAllowed: ['{methods}'],
  unavailable: [],
  internal: [],
  requestInvalid: [],
  requestTimeout: [],
  headersTooLarge: ['{bytes}'],
};

/** Closes of sockets. */
export const closes: readonly CataloguedError[] = [
  ...Object.values(closeReasons),
  unknownAppKey('{key}'),
].map(({ code, message }) => ({ code: String(code), text: message }));

/** `pusher:error` on sockets that stay open. */
export const clientTold: readonly CataloguedError[] = made(clientErrors, onSocket).map((error) => {
  const { code, message } = error as { readonly code: number | null; readonly message: string };
  return { code: String(code), text: message };
});

/** Answers of the HTTP API that are not 200. */
export const callerTold: readonly CataloguedError[] = made(httpErrors, onApi).map((refusal) => {
  const { status, text } = refusal as { readonly status: number; readonly text: string };
  return { code: String(status), text: text.trimEnd() };
});

type Make = (...placeholders: readonly string[]) => unknown;

function made(
  errors: Readonly<Record<string, unknown>>,
  placeholders: Readonly<Record<string, readonly string[]>>,
): readonly unknown[] {
  // What is a number in an error is a text here, which it puts in as it would a number.
  return Object.entries(errors).map(([name, make]) =>
    (make as Make)(...(placeholders[name] ?? [])),
  );
}
