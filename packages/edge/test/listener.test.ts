import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { SettingsError } from '@fanfare/core';
import type { Accept, ClientSocket, SocketHandler, SocketListener } from '../src/socket.ts';
import { startUwsListener } from '../src/uws-listener.ts';
import { Client, succeeded } from './client.ts';
import { ControlledBus } from './controlled-bus.ts';
import { startTestEdge, type EdgeUnderTest } from './edge-under-test.ts';
import { within } from './inbox.ts';

type On = keyof SocketHandler;

describe('A handler that throws', () => {
  const triggers: readonly (readonly [On, (client: Client) => void])[] = [
    ['onOpen', () => {}],
    ['onText', (client) => client.send('text')],
    ['onBinary', (client) => client.socket.send(Buffer.from('binary'))],
    ['onClose', (client) => client.socket.close()],
  ];
  for (const [on, provoke] of triggers) {
    it(`[ED4] in ${on} is reported and costs its own socket only`, async () => {
      const defects: unknown[] = [];
      await using listener = await listen(defects, ({ path }) =>
        echo(path === '/bad' ? on : undefined),
      );
      await using good = await open(listener, '/good');
      await using bad = new Client(`ws://127.0.0.1:${listener.port}/bad`);
      bad.socket.on('open', () => provoke(bad));
      await bad.closedWith();
      assert.deepEqual(defects, [new Error(`thrown in ${on}`)]);
      good.send('still here');
      assert.equal(await good.next(), 'still here');
    });
  }

  it('[ED4] while a request is upgraded costs that request only', async () => {
    const defects: unknown[] = [];
    await using listener = await listen(defects, ({ path }) => {
      if (path === '/bad') throw new Error('thrown in accept');
      return echo();
    });
    await using good = await open(listener, '/good');
    await using bad = new Client(`ws://127.0.0.1:${listener.port}/bad`);
    assert.equal((await bad.closedWith()).code, 1006);
    assert.deepEqual(defects, [new Error('thrown in accept')]);
    good.send('still here');
    assert.equal(await good.next(), 'still here');
  });

  it('[ED4] after it had waited for the bus is reported and costs its own socket only', async () => {
    const bus = new ControlledBus();
    const thrown = new Error('thrown after the wait');
    let throwing = true;
    await using edge = await startTestEdge({
      openBus: () => bus,
      events: {
        subscribeWaited() {
          if (throwing) throw thrown;
        },
      },
    });
    await using good = await edge.connect();
    await using bad = await edge.connect();
    bad.subscribe('lobby');
    bad.subscribe('room');
    await bad.allRead();
    for (const { answer } of await bus.asked.take(2)) answer();
    assert.equal((await bad.closedWith()).code, 1006);
    assert.deepEqual(edge.defects.splice(0), [thrown]);
    await edge.until(({ channels }) => channels === 0, 'what it waited for is let go');
    throwing = false;
    good.subscribe('lobby');
    (await bus.asked.next()).answer();
    assert.equal(await good.next(), succeeded('lobby'));
  });
});

describe('The port', () => {
  it('[ED8] a start that cannot have it names the setting and lets go of the bus', async () => {
    await using first = await startTestEdge();
    const bus = new ControlledBus();
    await assert.rejects(
      startTestEdge({ openBus: () => bus, listener: { port: first.edge.port } }),
      (error) =>
        error instanceof SettingsError &&
        /^EDGE_PORT: cannot listen on 127\.0\.0\.1:\d+/.test(error.problems.join('\n')),
    );
    assert.ok(bus.closed);
    await using client = await first.connect();
    await client.nothingBefore('the one that has the port keeps it');
  });

  it('[ED8] those who share it each get connections, and nobody else can take it', async () => {
    const port = await freePort();
    await using first = await startTestEdge({ listener: { port, sharePort: true } });
    await using second = await startTestEdge({ listener: { port, sharePort: true } });
    await assert.rejects(startTestEdge({ listener: { port } }), SettingsError);
    await using _clients = await connections(first, 40);
    const [ours, theirs] = [first.counters.connections, second.counters.connections];
    assert.equal(ours + theirs, 40);
    assert.ok(ours > 0 && theirs > 0, `${ours} here and ${theirs} there`);
  });

  it('[ED5] a request that is no upgrade is answered 404', async () => {
    await using listener = await listen([], () => echo());
    const asked = request({ port: listener.port, host: '127.0.0.1', path: '/app/x', agent: false });
    asked.end();
    const [response] = (await within(once(asked, 'response'), 'waited for a 404')) as [
      { readonly statusCode: number; resume(): void },
    ];
    response.resume();
    assert.equal(response.statusCode, 404);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function connections(edge: EdgeUnderTest, count: number): Promise<AsyncDisposable> {
  const clients = await Promise.all(Array.from({ length: count }, () => edge.connect()));
  return {
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client[Symbol.asyncDispose]();
    },
  };
}

async function listen(defects: unknown[], accept: Accept): Promise<SocketListener> {
  return startUwsListener(
    {
      host: '127.0.0.1',
      port: 0,
      tls: undefined,
      maxBackpressureBytes: 65_536,
      silenceSeconds: 60,
      sharePort: false,
      onDefect: (error) => void defects.push(error),
      onDropped() {},
      connectionsPerAddress: undefined,
      addressFrom: 'connection',
      onDelayed() {},
    },
    accept,
  );
}

async function open(listener: SocketListener, path: string): Promise<Client> {
  const client = new Client(`ws://127.0.0.1:${listener.port}${path}`);
  await within(once(client.socket, 'open'), 'waited for the upgrade');
  return client;
}

/** Answers every text with itself, or throws where it is told to. */
function echo(throwing?: On): SocketHandler {
  let to: ClientSocket | undefined;
  const at = (on: On): void => {
    if (on === throwing) throw new Error(`thrown in ${on}`);
  };
  return {
    onOpen(socket) {
      to = socket;
      at('onOpen');
    },
    onText(text) {
      at('onText');
      to?.send(text);
    },
    onBinary: () => at('onBinary'),
    onSign: () => at('onSign'),
    onDropped() {},
    onSlow: () => undefined,
    onDrain() {},
    onClose: () => at('onClose'),
  };
}
