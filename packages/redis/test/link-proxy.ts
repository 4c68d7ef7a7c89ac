import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Which of a bus's two connections, told by the name that it gives itself. */
export type Link = 'commands' | 'subscriber';

/** Stands between a bus and its Redis, and can mistreat one link and not the other. */
export interface LinkProxy extends AsyncDisposable {
  readonly url: string;
  /** Ends the connections there are and every new one, until healed. */
  cut(link?: Link): void;
  /** Ends the connections there are; new ones pass. */
  drop(link?: Link): void;
  /** From now on nothing passes the connections there are; they stay open. New ones pass. */
  stall(link?: Link): void;
  /** Commands still reach Redis on the connections there are; its answers are thrown away. */
  swallowReplies(link?: Link): void;
  heal(): void;
}

interface Pair {
  readonly inner: Socket;
  readonly outer: Socket;
  link: Link | undefined;
  deaf: boolean;
}

export async function startLinkProxy(port: number): Promise<LinkProxy> {
  const pairs = new Set<Pair>();
  const refused = new Set<Link>();
  const server = createServer((outer) => {
    const pair: Pair = { outer, inner: connect(port, '127.0.0.1'), link: undefined, deaf: false };
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      pair.outer.destroy();
      pair.inner.destroy();
    };
    let seen = '';
    pair.outer.on('data', (chunk: Buffer) => {
      if (pair.link === undefined) {
        seen += chunk.toString('latin1');
        const name = /setname\r\n\$\d+\r\n\S*:(commands|subscriber)\r\n/.exec(seen)?.[1];
        if (name === 'commands' || name === 'subscriber') pair.link = name;
        if (pair.link !== undefined && refused.has(pair.link)) return end();
      }
      pair.inner.write(chunk);
    });
    pair.inner.on('data', (chunk: Buffer) => {
      if (!pair.deaf) pair.outer.write(chunk);
    });
    for (const socket of [pair.outer, pair.inner]) socket.on('error', end).on('close', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');

  const of = (link: Link | undefined): readonly Pair[] =>
    [...pairs].filter((pair) => link === undefined || pair.link === link);
  const drop = (link?: Link): void => {
    for (const pair of of(link)) {
      pair.outer.destroy();
      pair.inner.destroy();
    }
  };
  return {
    url: `redis://127.0.0.1:${address.port}`,
    drop,
    cut(link) {
      for (const each of link === undefined ? LINKS : [link]) refused.add(each);
      drop(link);
    },
    stall(link) {
      for (const { inner, outer } of of(link)) {
        inner.pause();
        outer.pause();
      }
    },
    swallowReplies(link) {
      for (const pair of of(link)) pair.deaf = true;
    },
    heal() {
      refused.clear();
      for (const pair of pairs) {
        pair.deaf = false;
        pair.inner.resume();
        pair.outer.resume();
      }
    },
    async [Symbol.asyncDispose]() {
      drop();
      server.close();
      await once(server, 'close');
    },
  };
}

const LINKS: readonly Link[] = ['commands', 'subscriber'];
