import { md5, sign } from '@fanfare/core';
import { requestStringToSign, type QueryParam } from '@fanfare/protocol';
import { openRaw, type RawClient } from '../../packages/api/test/raw-client.ts';
import type { Chance } from '../support/seeded.ts';
import type { FuzzApp } from './apps.ts';
import type { Findings, Judge } from './judge.ts';
import { anything, channelName, CHANNELS, damaged, raw, TEXTS, userIds } from './words.ts';

/** A backend that calls the API over one connection, as long as it lasts. */
export class Caller implements Disposable {
  readonly #port: number;
  readonly #findings: Findings;
  readonly #statuses: Map<number, number>;
  #client: RawClient | undefined;

  /** Adds what it is answered to `statuses`. */
  constructor(port: number, findings: Findings, statuses: Map<number, number>) {
    this.#port = port;
    this.#findings = findings;
    this.#statuses = statuses;
  }

  async call(judge: Judge, socketId: string, chance: Chance): Promise<void> {
    const request = requestOf(judge, socketId, chance);
    this.#client ??= await openRaw(this.#port);
    this.#client.write(request);
    try {
      const { status, headers, text } = await this.#client.answer();
      judge.onAnswer(status, headers.get('content-type') ?? '', text);
      this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
      if (headers.get('connection') === 'close') this.#hangUp();
    } catch (error) {
      const shown = request.toString('latin1').slice(0, 1_000);
      this.#findings.add(`a call was not answered: ${String(error)}\n${shown}`);
      this.#hangUp();
    }
  }

  #hangUp(): void {
    this.#client?.destroy();
    this.#client = undefined;
  }

  [Symbol.dispose](): void {
    this.#hangUp();
  }
}

interface Wish {
  readonly method: string;
  /** As it goes out. */
  readonly path: string;
  readonly params?: readonly QueryParam[];
  readonly body?: string;
}

/** The bytes of one call, signed as it goes out, mostly; its length is always right. */
function requestOf(judge: Judge, socketId: string, chance: Chance): Buffer {
  const { app } = judge;
  const wish = chance.of(WISHES)(app, socketId, chance);
  const method =
    chance.below(20) === 0 ? chance.of(['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) : wish.method;
  const text = wish.body ?? '';
  const body = Buffer.from(text !== '' && chance.below(12) === 0 ? damaged(text, chance) : text);
  const params: readonly QueryParam[] = [
    ['auth_key', app.key],
    ['auth_timestamp', String(Math.floor(Date.now() / 1000))],
    ['auth_version', '1.0'],
    ...(body.length > 0 ? ([['body_md5', md5(body)]] as const) : []),
    ...(wish.params ?? []),
  ];
  const right = sign(app.secret, requestStringToSign(method, wish.path, params));
  const honest = chance.below(12) > 0;
  if (honest) judge.said(right);
  else judge.withheld(right);
  const signature = honest
    ? right
    : chance.of(['', 'f'.repeat(64), right.slice(1), sign('x', right)]);
  const query = [...params, ['auth_signature', signature]]
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const head = [
    `${method} ${wish.path}?${query} HTTP/1.1`,
    'Host: x',
    ...(chance.below(5) === 0
      ? [`Idempotency-Key: ${chance.of(['a', 'b', 'a b', 'k'.repeat(256)])}`]
      : []),
    `Content-Length: ${body.length}`,
    '',
    '',
  ];
  return Buffer.concat([Buffer.from(head.join('\r\n'), 'latin1'), body]);
}

const WISHES: readonly ((app: FuzzApp, socketId: string, chance: Chance) => Wish)[] = [
  trigger,
  trigger,
  trigger,
  batch,
  terminate,
  terminate,
  channels,
  channel,
  channel,
];

function trigger(app: FuzzApp, socketId: string, chance: Chance): Wish {
  const body = eventOf(app, socketId, chance);
  if (chance.below(2) === 0) {
    const name = chance.below(2) === 0 ? channelName : (of: Chance): string => of.of(CHANNELS);
    body['channels'] = Array.from({ length: chance.of([1, 3, 0, 100, 101]) }, () => name(chance));
    delete body['channel'];
  }
  if (chance.below(6) === 0) body[chance.of(MEMBERS)] = anything(chance);
  return { method: 'POST', path: pathOf(app, 'events', chance), body: raw(JSON.stringify(body)) };
}

const MEMBERS = ['name', 'data', 'channels', 'channel', 'socket_id', 'info', '__proto__'];

function batch(app: FuzzApp, socketId: string, chance: Chance): Wish {
  const events = Array.from({ length: chance.of([1, 2, 10, 11, 0]) }, () =>
    eventOf(app, socketId, chance),
  );
  const body = { batch: chance.below(6) === 0 ? anything(chance) : events };
  return {
    method: 'POST',
    path: pathOf(app, 'batch_events', chance),
    body: raw(JSON.stringify(body)),
  };
}

function eventOf({ marker }: FuzzApp, socketId: string, chance: Chance): Record<string, unknown> {
  const event = { name: 'happened', data: marker, channel: chance.of(CHANNELS) };
  if (chance.below(2) === 0) return event;
  const data = [{ of: marker }, 'x'.repeat(10_240), 'x'.repeat(10_241), '\ud800', 'raw-object'];
  const except = chance.of<unknown>([undefined, undefined, socketId, '1.1', '', 'x', 7]);
  const info = chance.of<unknown>([undefined, 'subscription_count', 'user_count', 'cache', 'x', 7]);
  return {
    name: chance.below(4) > 0 ? 'happened' : chance.of([...TEXTS, 'pusher:error', 'client-a', 7]),
    data: chance.below(2) === 0 ? marker : chance.of<unknown>(data),
    channel: channelName(chance),
    ...(except !== undefined && { socket_id: except }),
    ...(info !== undefined && { info }),
  };
}

/** With the app in its path, or as Python's SDK calls it. */
function terminate(app: FuzzApp, _: string, chance: Chance): Wish {
  const user = segmentOf(chance.below(3) > 0 ? chance.of(userIds(app)) : chance.of(TEXTS), chance);
  const rest = `users/${user}/terminate_connections`;
  const path = chance.below(2) === 0 ? `/${rest}` : pathOf(app, rest, chance);
  return { method: 'POST', path, body: chance.of(['', '{}', '{', '[]', '{"user":"u1"}']) };
}

function channels(app: FuzzApp, _: string, chance: Chance): Wish {
  const prefix = encoded(
    chance.below(2) === 0
      ? chance.of(['presence-', '', 'private-', '#', '*', '['])
      : chance.of(TEXTS),
  );
  const params: readonly QueryParam[] = [['filter_by_prefix', prefix], ...infoParam(chance)];
  return { method: 'GET', path: pathOf(app, 'channels', chance), params };
}

function channel(app: FuzzApp, _: string, chance: Chance): Wish {
  const name = segmentOf(channelName(chance), chance);
  const rest = `channels/${name}${chance.below(3) === 0 ? '/users' : ''}`;
  return { method: 'GET', path: pathOf(app, rest, chance), params: infoParam(chance) };
}

function infoParam(chance: Chance): readonly QueryParam[] {
  const info = chance.of([
    '',
    'user_count',
    'subscription_count',
    'user_count,subscription_count',
    'cache',
    'x',
    '%00',
    ',',
    '%',
  ]);
  return chance.below(3) === 0 ? [] : [['info', info]];
}

function pathOf({ id }: FuzzApp, rest: string, chance: Chance): string {
  const app = chance.below(20) > 0 ? id : chance.of(['2001', '2002', '1024', 'x', '', '%32', '..']);
  return `/apps/${app}/${rest}`;
}

/** A segment of a path, sometimes with escapes that say nothing. */
function segmentOf(text: string, chance: Chance): string {
  if (chance.below(8) > 0) return encoded(text);
  return chance.of([
    '%',
    '%zz',
    '%ff',
    '%2F',
    '%00',
    '%c3%28',
    '..',
    '.',
    '',
    '%252F',
    '%ED%A0%80',
    'a%2fb',
  ]);
}

function encoded(text: string): string {
  // Half of a surrogate pair has no escape.
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '\ufffd'));
}
