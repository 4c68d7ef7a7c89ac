import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { eventually } from '../eventually.ts';
import { within } from './deadline.ts';
import { endWithUs } from './end-with-us.ts';
import { freePort } from './free-port.ts';
import { startProxy } from './proxy.ts';
import { startRedis, startRedisAt } from './redis-server.ts';

const PATIENCE_MS = 20_000;

/** A process that starts a Redis, tells its port, and then hangs like a test that waits for nothing. */
function startHanging(env: Readonly<Record<string, string>> = {}): ChildProcess & {
  readonly stdout: NonNullable<ChildProcess['stdout']>;
  readonly stderr: NonNullable<ChildProcess['stderr']>;
} {
  const module = JSON.stringify(new URL('redis-server.ts', import.meta.url).href);
  const script = `const { startRedis } = await import(${module});
    const redis = await startRedis();
    console.log(redis.port);
    setInterval(() => {}, 1_000);`;
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', script],
    {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  endWithUs(child);
  return child;
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {
    // A reset is one of the ways in which the other side goes away.
  });
  await within(once(socket, 'connect'), PATIENCE_MS, () => `${port} took no connection`);
  return socket;
}

/** A reset is an end like any other here. */
async function closing(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve()).on('error', () => {});
  });
}

describe('what the tests stand on', () => {
  it('redis-server goes away with a test process that is ended by SIGTERM', async () => {
    const child = startHanging();
    const [line] = (await within(
      once(child.stdout, 'data'),
      PATIENCE_MS,
      () => 'the process did not start its Redis',
    )) as [Buffer];
    const socket = await open(Number(line));
    const closed = closing(socket.resume());
    child.kill('SIGTERM');
    await within(closed, PATIENCE_MS, () => 'redis-server stayed behind');
  });

  it('a redis-server that is not installed is named in a sentence', async () => {
    const child = startHanging({ FANFARE_REDIS_SERVER: 'no-such-redis-server' });
    assert.match(
      await text(child.stderr),
      /no-such-redis-server did not start: install redis-serv/,
    );
  });

  it('a redis-server whose port is taken says so', async () => {
    await using redis = await startRedis();
    await assert.rejects(startRedisAt(redis.port), /Address already in use/);
  });

  it('a proxy passes bytes, parts the two sides when cut, and passes bytes again when healed', async () => {
    await using server = await echoServer();
    await using proxy = await startProxy(server.port);
    const before = await open(proxy.port);
    before.write('one');
    assert.equal(String((await once(before, 'data'))[0]), 'one');

    const parted = closing(before);
    proxy.cut();
    await within(parted, PATIENCE_MS, () => 'the cut left a connection');
    const meanwhile = await open(proxy.port);
    await within(closing(meanwhile), PATIENCE_MS, () => 'the cut let a connection in');

    proxy.heal();
    const after = await open(proxy.port);
    after.write('two');
    assert.equal(String((await once(after, 'data'))[0]), 'two');
  });

  it('a frozen proxy keeps back bytes and ends of both sides, and of new connections, until healed', async () => {
    await using server = await echoServer();
    await using proxy = await startProxy(server.port);
    const before = await open(proxy.port);
    const leaving = await open(proxy.port);
    proxy.freeze();
    before.write('one');
    const meanwhile = await open(proxy.port);
    meanwhile.write('two');
    const seen: string[] = [];
    for (const socket of [before, meanwhile]) {
      socket.on('data', (bytes) => seen.push(String(bytes)));
      socket.on('close', () => seen.push('closed'));
    }
    leaving.destroy();
    await beyondAll(server.port);
    assert.deepEqual(seen, []);
    // The marker's own is the fourth.
    assert.equal(server.open(), 4);

    const answers = [once(before, 'data'), once(meanwhile, 'data')];
    proxy.heal();
    await within(Promise.all(answers), PATIENCE_MS, () => `only ${seen.join()} came`);
    assert.deepEqual(new Set(seen), new Set(['one', 'two']));
    await eventually(
      () => server.open() === 3,
      () => 'the end of one connection did not arrive',
    );
  });

  it('a proxy that keeps back answers alone lets the server hear everything', async () => {
    await using server = await echoServer();
    await using proxy = await startProxy(server.port);
    const socket = await open(proxy.port);
    let seen = '';
    socket.on('data', (bytes) => {
      seen += String(bytes);
    });
    proxy.freeze('answers');
    socket.write('heard');
    await eventually(
      () => server.heard().includes('heard'),
      () => `the server heard ${server.heard()}`,
    );
    await beyondAll(server.port);
    assert.equal(seen, '');
    proxy.heal();
    await eventually(
      () => seen === 'heard',
      () => `${seen} came back`,
    );
  });

  it('redis-server answers a command, and leaves at one', async () => {
    await using redis = await startRedis();
    assert.equal(await redis.say('PING'), '+PONG');
    assert.equal(await redis.say('SHUTDOWN NOSAVE'), '');
    await redis.restart();
    assert.equal(await redis.say('DBSIZE'), ':0');
  });

  it('a free port can be listened on', async () => {
    const server = createServer().listen(await freePort(), '127.0.0.1');
    await once(server, 'listening');
    server.close();
  });
});

/** A round trip past the proxy, for whatever was on its way through it. The connection stays. */
async function beyondAll(port: number): Promise<void> {
  const socket = await open(port);
  socket.write('marker');
  await once(socket, 'data');
}

interface EchoServer extends AsyncDisposable {
  readonly port: number;
  /** Connections that have not ended. */
  open(): number;
  heard(): string;
}

async function echoServer(): Promise<EchoServer> {
  const port = await freePort();
  const opened = new Set<Socket>();
  let heard = '';
  const server = createServer((socket) => {
    opened.add(socket);
    socket.on('close', () => opened.delete(socket));
    socket.on('data', (bytes) => {
      heard += String(bytes);
    });
    socket.on('error', () => socket.destroy()).pipe(socket);
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    open: () => opened.size,
    heard: () => heard,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of opened) socket.destroy();
      await closed;
    },
  };
}
