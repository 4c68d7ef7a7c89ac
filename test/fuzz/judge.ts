import { everyApp, type FuzzApp } from './apps.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with what a server said, as sentences; more than a few would be the same again. */
export class Findings {
  readonly #seed: number;
  readonly #sentences: string[] = [];

  constructor(seed: number) {
    this.#seed = seed;
  }

  get all(): readonly string[] {
    return this.#sentences;
  }

  add(sentence: string): void {
    if (this.#sentences.length < 10) this.#sentences.push(`FUZZ_SEED=${this.#seed}: ${sentence}`);
  }
}

/** Looks at every word that one socket or caller of an app is told. */
export class Judge {
  readonly app: FuzzApp;
  readonly #findings: Findings;
  readonly #withheld = new Set<string>();
  readonly #said = new Set<string>();

  constructor(app: FuzzApp, findings: Findings) {
    this.app = app;
    this.#findings = findings;
  }

  /** A signature that went out: the server may repeat it. */
  said(signature: string): void {
    this.#said.add(signature);
    this.#withheld.delete(signature);
  }

  /** The right one was not sent: then the server may not tell it. */
  withheld(signature: string): void {
    if (!this.#said.has(signature)) this.#withheld.add(signature);
  }

  onFrame(text: string): void {
    this.#secrets(text);
    let frame: unknown;
    try {
      frame = JSON.parse(text);
    } catch {
      this.#found('is no JSON', text);
      return;
    }
    if (!isKnown(frame)) this.#found('has no known shape', text);
  }

  onAnswer(status: number, type: string, text: string): void {
    this.#secrets(text);
    const isJson = status === 200;
    if (!STATUSES.has(status)) this.#found(`is a ${status}`, text);
    else if (isJson ? type !== 'application/json' : !type.startsWith('text/plain'))
      this.#found(`is ${type} with a ${status}`, text);
    else if (isJson ? !isObject(parsed(text)) : !/^[^\n]+\n$/.test(text))
      this.#found(`is no answer for a ${status}`, text);
  }

  #secrets(text: string): void {
    for (const { secret, marker } of everyApp) {
      if (text.includes(secret)) this.#found('has a secret in it', text);
      if (marker !== this.app.marker && text.includes(marker))
        this.#found('belongs to another app', text);
    }
    for (const [digest] of text.matchAll(/[0-9a-f]{64}/g))
      if (this.#withheld.has(digest)) this.#found('tells the signature that is right', text);
  }

  #found(what: string, text: string): void {
    this.#findings.add(`what ${this.app.key} was told ${what}: ${text.slice(0, 1_000)}`);
  }
}

/** All that the API's catalogue has, but for the one that means a defect. */
const STATUSES: ReadonlySet<number> = new Set([
  200, 400, 401, 403, 404, 405, 408, 413, 429, 431, 503,
]);

function isKnown(frame: unknown): boolean {
  if (!isObject(frame) || typeof frame['event'] !== 'string') return false;
  const shape = SHAPES[frame['event']];
  if (shape !== undefined) return hasKeys(frame, shape.keys) && shape.fits(frame);
  return !/^pusher(_internal)?:/.test(frame['event']) && isEvent(frame);
}

function isEvent(frame: Fields): boolean {
  const names = ['event', 'channel', 'data'];
  const [event, channel] = [String(frame['event']), String(frame['channel'])];
  // The sender of a client event, which nobody else can say.
  if (event.startsWith('client-') && channel.startsWith('presence-')) names.push('user_id');
  return hasKeys(frame, names) && names.every((name) => typeof frame[name] === 'string');
}

interface Shape {
  readonly keys: readonly string[];
  fits(frame: Fields): boolean;
}

const bare = (data: (data: unknown) => boolean): Shape => ({
  keys: ['event', 'data'],
  fits: (frame) => typeof frame['data'] === 'string' && data(parsed(frame['data'])),
});
const ofChannel = (data: (data: unknown) => boolean): Shape => ({
  keys: ['event', 'channel', 'data'],
  fits: (frame) =>
    typeof frame['channel'] === 'string' &&
    typeof frame['data'] === 'string' &&
    data(parsed(frame['data'])),
});
const isEmpty = (data: unknown): boolean => isObject(data) && hasKeys(data, []);

/** What the server says of its own accord. */
const SHAPES: Readonly<Record<string, Shape | undefined>> = Object.assign(
  Object.create(null) as object,
  {
    'pusher:connection_established': bare((data) =>
      has(data, { socket_id: 'string', activity_timeout: 'number' }),
    ),
    'pusher:pong': bare(isEmpty),
    'pusher:error': { keys: ['event', 'data'], fits: ({ data }) => isError(data) } satisfies Shape,
    'pusher:signin_success': bare((data) => has(data, { user_data: 'string' })),
    'pusher:cache_miss': ofChannel(isEmpty),
    'pusher:subscription_error': ofChannel((data) =>
      has(data, { type: 'string', error: 'string', status: 'number' }),
    ),
    'pusher_internal:subscription_succeeded': ofChannel((data) => isEmpty(data) || isRoster(data)),
    'pusher_internal:member_added': ofChannel(
      (data) =>
        isObject(data) &&
        hasKeys(data, ['user_id', 'user_info']) &&
        typeof data['user_id'] === 'string',
    ),
    'pusher_internal:member_removed': ofChannel((data) => has(data, { user_id: 'string' })),
    'pusher_internal:subscription_count': ofChannel((data) =>
      has(data, { subscription_count: 'number' }),
    ),
    'pusher_internal:watchlist_events': bare(
      (data) => has(data, { events: 'object' }) && isWatchlist(data['events']),
    ),
  },
);

function isError(data: unknown): boolean {
  if (!isObject(data) || !hasKeys(data, ['code', 'message'])) return false;
  const { code, message } = data;
  if (typeof message !== 'string' || message === '' || message.length > 1_000) return false;
  return code === null || (typeof code === 'number' && code >= 4000 && code < 4400);
}

function isRoster(data: unknown): boolean {
  if (!has(data, { presence: 'object' })) return false;
  const { presence } = data;
  if (!has(presence, { count: 'number', ids: 'object', hash: 'object' })) return false;
  const { count, ids, hash } = presence;
  if (!Array.isArray(ids) || !isObject(hash) || ids.length !== count) return false;
  const known = new Set(Object.keys(hash));
  return known.size === count && ids.every((id) => typeof id === 'string' && known.has(id));
}

function isWatchlist(events: unknown): boolean {
  if (!Array.isArray(events) || events.length === 0 || events.length > 2) return false;
  return (events as readonly unknown[]).every((event) => {
    if (!has(event, { name: 'string', user_ids: 'object' })) return false;
    const { name, user_ids: users } = event;
    if (name !== 'online' && name !== 'offline') return false;
    return Array.isArray(users) && users.length > 0 && users.every((id) => typeof id === 'string');
  });
}

/** Exactly these members, each of its type. */
function has(value: unknown, types: Readonly<Record<string, string>>): value is Fields {
  if (!isObject(value) || !hasKeys(value, Object.keys(types))) return false;
  return Object.entries(types).every(([name, type]) => typeof value[name] === type);
}

function hasKeys(value: Fields, keys: readonly string[]): boolean {
  const own = Object.keys(value);
  return own.length === keys.length && keys.every((key) => own.includes(key));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
