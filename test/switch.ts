import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A balancer in front of one server at a time: what a new connection reaches can be changed. */
export interface Switch extends AsyncDisposable {
  readonly port: number;
  /** From now on new connections go there, and first those that were held; open ones stay where they are. */
  use(port: number): void;
  /** From now on new connections wait for the next `use`. */
  hold(): void;
}

export async function startSwitch(port: number): Promise<Switch> {
  let target: number | undefined = port;
  let held: Socket[] = [];
  const open = new Set<Socket>();
  const join = (near: Socket, to: number): void => {
    const far = connect(to, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.pipe(other);
      // A killed process resets its connections; to the other side that is an end like any other.
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        // After what it has still to say: a close frame may be the last of it.
        other.destroySoon();
      });
    }
  };
  const server = createServer((near) => {
    if (target === undefined) held.push(near);
    else join(near, target);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    use(next) {
      target = next;
      for (const near of held) join(near, next);
      held = [];
    },
    hold() {
      target = undefined;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of [...open, ...held]) socket.destroy();
      await closed;
    },
  };
}
