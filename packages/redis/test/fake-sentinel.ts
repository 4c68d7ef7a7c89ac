import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** What it knows of the master. */
export interface Known {
  readonly port: number;
  readonly epoch: number;
}

export interface FakeSentinelOptions {
  /** Undefined: it was told of no master. */
  readonly knows?: Known;
  /** User and password that it wants, parted by a space. */
  readonly wants?: string;
  readonly tls?: TlsOptions;
}

/** A sentinel that knows what the test wants it to know. */
export interface FakeSentinel extends AsyncDisposable {
  readonly port: number;
  readonly name: string;
  /** The questions for the master that it was asked. */
  readonly asked: number;
  knows(known: Known): void;
  /** From now on connections are taken and nothing is answered. */
  freeze(): void;
  /** Ends the connections there are; new ones pass. */
  drop(): void;
}

export const NAME = 'main-1';

export async function startFakeSentinel(options: FakeSentinelOptions = {}): Promise<FakeSentinel> {
  let { knows } = options;
  let frozen = false;
  let asked = 0;
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    let isTrusted = options.wants === undefined;
    let seen = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      seen += chunk;
      for (let words = nextCommand(seen); words !== undefined; words = nextCommand(seen)) {
        seen = seen.slice(words.length);
        const [name = '', ...rest] = words.words;
        const command = name.toUpperCase();
        if (command === 'AUTH') isTrusted = rest.join(' ') === options.wants;
        if (rest[0] === 'MASTER') asked += 1;
        if (!frozen) socket.write(answer(command, rest, isTrusted));
      }
    });
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  const answer = (command: string, rest: readonly string[], isTrusted: boolean): string => {
    if (command === 'AUTH') return isTrusted ? '+OK\r\n' : '-WRONGPASS invalid pair\r\n';
    if (!isTrusted) return '-NOAUTH Authentication required.\r\n';
    if (command !== 'SENTINEL') return '+OK\r\n';
    const [what, name] = rest;
    const known = name === NAME ? knows : undefined;
    if (what === 'MASTER')
      return known === undefined
        ? '-ERR No such master with that name\r\n'
        : list(['name', NAME, 'flags', 'master', 'config-epoch', String(known.epoch)]);
    return known === undefined ? '*-1\r\n' : list(['127.0.0.1', String(known.port)]);
  };
  const server: Server =
    options.tls === undefined ? createServer(serve) : createTlsServer(options.tls, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    name: `127.0.0.1:${port}`,
    get asked() {
      return asked;
    },
    knows(known) {
      knows = known;
    },
    freeze() {
      frozen = true;
    },
    drop,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      drop();
      await closed;
    },
  };
}

/** A URL with these sentinels. */
export function urlOf(sentinels: readonly { readonly name: string }[], rest = `/${NAME}`): string {
  return `redis+sentinel://${sentinels.map(({ name }) => name).join(',')}${rest}`;
}

function list(words: readonly string[]): string {
  const each = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${each.join('')}`;
}

/** The first command, if all of it is there; words of ASCII only. */
function nextCommand(
  text: string,
): { readonly words: readonly string[]; readonly length: number } | undefined {
  const count = /^\*(\d+)\r\n/.exec(text);
  if (count === null) return undefined;
  const words: string[] = [];
  let at = count[0].length;
  for (let n = 0; n < Number(count[1]); n += 1) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at));
    if (size === null) return undefined;
    at += size[0].length;
    words.push(text.slice(at, at + Number(size[1])));
    at += Number(size[1]) + 2;
    if (text.length < at) return undefined;
  }
  return { words, length: at };
}
