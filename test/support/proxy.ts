import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Stands between two parties and can part them. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Ends the connections there are and every new one, until healed. */
  cut(): void;
  /**
   * Like a network that loses everything: connections stay, new ones are taken, and no byte or end
   * gets through before the proxy is healed; then all that was said arrives. It may stop only what
   * the server says.
   */
  freeze(what?: 'all' | 'answers'): void;
  heal(): void;
}

type State = 'passing' | 'cut' | 'frozen' | 'mute';

export async function startProxy(port: number): Promise<Proxy> {
  const pairs = new Set<Pair>();
  let state: State = 'passing';
  const server = createServer((near) => {
    if (state === 'cut') {
      near.destroy();
      return;
    }
    const pair = new Pair(near, connect(port, '127.0.0.1'), () => pairs.delete(pair));
    pairs.add(pair);
    pair.follow(state);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const become = (next: State): void => {
    state = next;
    for (const pair of pairs) pair.follow(next);
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => become('cut'),
    freeze: (what = 'all') => become(what === 'all' ? 'frozen' : 'mute'),
    heal: () => become('passing'),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      become('cut');
      await closed;
    },
  };
}

/** A connection of the one party, and the one that was made for it to the other. */
class Pair {
  readonly #requests: Way;
  readonly #answers: Way;

  constructor(near: Socket, far: Socket, onGone: () => void) {
    this.#requests = new Way(near, far);
    this.#answers = new Way(far, near);
    const gone = (): void => {
      if (near.closed && far.closed) onGone();
    };
    near.on('close', gone);
    far.on('close', gone);
  }

  follow(state: State): void {
    if (state === 'cut') {
      this.#requests.cut();
      this.#answers.cut();
      return;
    }
    this.#requests.open(state !== 'frozen');
    this.#answers.open(state === 'passing');
  }
}

/** One direction. */
class Way {
  readonly #from: Socket;
  readonly #to: Socket;
  #isOpen = true;
  #isFull = false;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
    from.on('data', (chunk) => {
      this.#isFull = !to.write(chunk);
      this.#flow();
    });
    to.on('drain', () => {
      this.#isFull = false;
      this.#flow();
    });
    from.on('error', () => {
      // A reset is one of the ways in which a party goes away; `close` follows.
    });
    from.on('close', () => this.#flow());
  }

  open(isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.#flow();
  }

  cut(): void {
    this.#from.destroy();
    this.#to.destroy();
  }

  #flow(): void {
    if (!this.#isOpen || this.#isFull) this.#from.pause();
    else this.#from.resume();
    if (this.#isOpen && this.#from.closed) this.#to.destroySoon();
  }
}
