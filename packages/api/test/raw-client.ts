import { once } from 'node:events';
import { connect } from 'node:net';

/** How long an answer may take before a test fails; a server in one process needs milliseconds. */
const PATIENCE_MS = 10_000;

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}

/** A TCP connection that says what no HTTP client would, and reads answers one by one. */
export interface RawClient extends Disposable {
  write(text: string | Uint8Array): void;
  answer(): Promise<RawAnswer>;
  /** Resolves when the server has ended the connection. */
  ended(): Promise<void>;
  destroy(): void;
}

export async function openRaw(port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  let received = Buffer.alloc(0);
  let gone = false;
  let wake: (() => void) | undefined;
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake?.();
  });
  // A reset is one way for a server to end a connection; the tests look at what came before it.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    gone = true;
    wake?.();
  });

  const until = async <T>(what: string, look: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (gone) throw new Error(`the connection ended before ${what}: ${received.toString()}`);
      await changed(what, (resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    write: (text) => void socket.write(text),
    answer: () =>
      until('an answer', () => {
        const parsed = parseAnswer(received);
        if (parsed !== undefined) received = received.subarray(parsed.bytes);
        return parsed?.answer;
      }),
    async ended() {
      if (!gone) await changed('the connection ended', (resolve) => socket.on('close', resolve));
    },
    destroy: () => void socket.destroy(),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

function changed(what: string, listen: (resolve: () => void) => void): Promise<void> {
  return within(new Promise(listen), what);
}

/** Fails with a sentence when something that has to happen does not. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not within ${PATIENCE_MS} ms: ${what}`)),
      PATIENCE_MS,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The first complete answer in these bytes; every answer of ours says how long it is. */
function parseAnswer(bytes: Buffer): { answer: RawAnswer; bytes: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  const start = end + 4;
  // An interim answer has no body, and is not the one that is waited for.
  if (status < 200) {
    const rest = parseAnswer(bytes.subarray(start));
    return rest && { answer: rest.answer, bytes: rest.bytes + start };
  }
  const length = Number(headers.get('content-length'));
  if (!Number.isInteger(status) || !Number.isInteger(length))
    throw new Error(`no HTTP answer: ${bytes.toString('latin1')}`);
  if (bytes.length < start + length) return undefined;
  const text = bytes.toString('utf8', start, start + length);
  return { answer: { status, headers, text }, bytes: start + length };
}
