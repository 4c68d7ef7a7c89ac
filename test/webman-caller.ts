import { spawn, spawnSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS } from './sdk.ts';
import { within } from './support/deadline.ts';
import { endWithUs } from './support/end-with-us.ts';
import { Inbox } from './support/inbox.ts';

/** Where the calls go, and who signs them. */
export interface CallTarget {
  readonly address: string;
  readonly key: string;
  readonly secret: string;
}

/** What the class reads of an answer; `result` is its JSON, of a 200 alone. */
export interface Answer {
  readonly body: string;
  readonly status: number;
  readonly result?: unknown;
}

type Params = Readonly<Record<string, string | readonly string[]>>;

/** The calls of webman/push's PHP class `Api`, over one connection that is kept. */
export interface WebmanCaller extends AsyncDisposable {
  trigger(
    channels: string | readonly string[],
    event: string,
    data: unknown,
    socketId?: string,
  ): Promise<boolean>;
  get(below: string, params?: Params): Promise<Answer>;
  getChannels(params?: Params): Promise<Answer>;
  /** False unless the answer is a 200. */
  getChannelInfo(channel: string, params?: Params): Promise<unknown>;
  /** Both are the JSON that a backend answers a client with. */
  socketAuth(channel: string, socketId: string): Promise<string>;
  presenceAuth(channel: string, socketId: string, user: unknown, info?: unknown): Promise<string>;
}

/** How long the class waits for an answer. */
const TIMEOUT_MS = 2_000;

/** The same bytes that curl sends for the class, written by hand. */
export async function openRawCaller(target: CallTarget): Promise<WebmanCaller> {
  const { host, hostname, port } = new URL(target.address);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const answers = new Inbox<Answer>('answers of the API');
  let received = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    for (let next = readAnswer(received); next !== undefined; next = readAnswer(received)) {
      received = received.subarray(next.bytes);
      answers.push(next.answer);
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => answers.end('the API closed the connection'));

  const call = async (
    method: string,
    below: string,
    params: Params,
    body?: string,
  ): Promise<Answer> => {
    const path = `/apps/1024${below}`;
    const lines = [
      `${method} ${path}?${signedQuery(target, method, path, params)} HTTP/1.1`,
      `Host: ${host}`,
      'Accept: */*',
      'Content-Type: application/json',
      ...(body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`);
    const answer = await answers.next(TIMEOUT_MS);
    if (answer.status !== 200) return answer;
    return { ...answer, result: JSON.parse(answer.body) as unknown };
  };
  const get: WebmanCaller['get'] = (below, params = {}) => call('GET', below, params);
  return {
    get,
    getChannels: (params) => get('/channels', params),
    async trigger(channels, name, data, socketId) {
      const body = JSON.stringify({
        name,
        data: JSON.stringify(data),
        channels: [channels].flat(),
        ...(socketId !== undefined && { socket_id: socketId }),
      });
      const md5 = createHash('md5').update(body).digest('hex');
      return (await call('POST', '/events', { body_md5: md5 }, body)).status === 200;
    },
    async getChannelInfo(channel, params) {
      const { status, result } = await get(`/channels/${channel}`, params);
      return status === 200 ? result : false;
    },
    socketAuth: async (channel, socketId) => authFor(target, channel, socketId),
    presenceAuth: async (channel, socketId, user, info) =>
      // PHP escapes what is not ASCII, and slashes.
      authFor(target, channel, socketId, phpJson({ user_id: user, user_info: info })),
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
}

/** The calls made by PHP itself, with its own curl. */
export async function openPhpCaller(target: CallTarget, php: string): Promise<WebmanCaller> {
  const program = fileURLToPath(new URL('webman-caller.php', import.meta.url));
  const child = spawn(php, [program], { stdio: ['pipe', 'pipe', 'pipe'] });
  endWithUs(child);
  const lines = new Inbox<string>('lines of the PHP program');
  let complaints = '';
  createInterface({ input: child.stdout }).on('line', lines.push);
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  const ended = once(child, 'close').then(() => lines.end(`PHP ended: ${complaints}`));
  child.stdin.write(`${JSON.stringify(target)}\n`);
  const call = async <T>(...args: readonly unknown[]): Promise<T> => {
    while (args.at(-1) === undefined) args = args.slice(0, -1);
    child.stdin.write(`${JSON.stringify(args)}\n`);
    const line = await lines.next();
    return (JSON.parse(line) as { readonly result: T }).result;
  };
  return {
    trigger: (...args) => call('trigger', ...args),
    get: (...args) => call('get', ...args),
    getChannels: (...args) => call('getChannels', ...args),
    getChannelInfo: (...args) => call('getChannelInfo', ...args),
    socketAuth: (...args) => call('socketAuth', ...args),
    presenceAuth: (...args) => call('presenceAuth', ...args),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await within(ended, PATIENCE_MS, () => 'the PHP program did not end');
    },
  };
}

/** A PHP that has curl, or why there is none. */
export function findPhp(): { readonly php: string } | { readonly missing: string } {
  const php = process.env['FANFARE_PHP'] ?? 'php';
  const { stdout } = spawnSync(php, ['-m'], { encoding: 'utf8' });
  return /^curl$/m.test(stdout ?? '')
    ? { php }
    : { missing: 'there is no php with curl on this machine' };
}

/** Sorted, without a version, and nothing in it is encoded: what is signed is what is sent. */
function signedQuery(
  { key, secret }: CallTarget,
  method: string,
  path: string,
  params: Params,
): string {
  const now = String(Math.floor(Date.now() / 1000));
  const all = { auth_key: key, auth_timestamp: now, ...params };
  const joined = (values: Params): string =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${[value].flat().join(',')}`)
      .toSorted()
      .join('&');
  const signature = hmac(secret, `${method}\n${path}\n${joined(all)}`);
  return joined({ ...all, auth_signature: signature });
}

function authFor(
  { key, secret }: CallTarget,
  channel: string,
  socketId: string,
  data?: string,
): string {
  const text = [socketId, channel, ...(data === undefined ? [] : [data])].join(':');
  return JSON.stringify({ auth: `${key}:${hmac(secret, text)}`, channel_data: data });
}

function hmac(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('hex');
}

function phpJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('/', '\\/')
    .replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function readAnswer(
  bytes: Buffer,
): { readonly answer: Answer; readonly bytes: number } | undefined {
  const start = bytes.indexOf('\r\n\r\n') + 4;
  if (start === 3) return undefined;
  const head = bytes.toString('latin1', 0, start);
  const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1]);
  if (Number.isNaN(length)) throw new Error(`an answer without a length: ${head}`);
  if (bytes.length < start + length) return undefined;
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
  const body = bytes.toString('utf8', start, start + length);
  return { answer: { status, body }, bytes: start + length };
}
