import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { closeReasons } from '@fanfare/protocol';
import { closeText } from '../src/socket.ts';
import { PONG, RawClient, succeeded, wsFrame, type Client } from './client.ts';
import { ControlledBus } from './controlled-bus.ts';
import { apps, keyOf, startTestEdge, type EdgeUnderTest } from './edge-under-test.ts';
import { within } from './inbox.ts';

const MAIN = '/app/main-key';
const SOCKET_ID = /^\d{1,10}\.\d{1,10}$/;

describe('Establishing a connection', () => {
  it('[CN1] the first frame tells a socket id of its own and the activity timeout in seconds', async () => {
    await using edge = await startTestEdge({ edge: { activityTimeoutSeconds: 77 } });
    const ids = new Set<string>();
    for (let index = 0; index < 20; index += 1) {
      await using client = edge.open(MAIN);
      const { data, ...rest } = await client.established();
      assert.deepEqual(rest, { event: 'pusher:connection_established' });
      assert.deepEqual(JSON.parse(String(data)), { socket_id: client.id, activity_timeout: 77 });
      assert.match(client.id, SOCKET_ID);
      ids.add(client.id);
    }
    assert.equal(ids.size, 20);
  });

  it('[CN2] the path is `/app/{key}` and parameters that do not count are ignored', async () => {
    await using edge = await startTestEdge();
    const queries = [
      '',
      '/',
      '?protocol=7&client=js&version=8.4.0&flash=false',
      '?client=%00%ff&version=&flash=true&protocol=7&unknown[]=1&unknown[]=2',
      '?&&=&',
    ];
    for (const query of queries) {
      await using client = edge.open(`${MAIN}${query}`);
      await client.established();
    }
  });

  it('[CN2] a path prefix stands before it, and then only there', async () => {
    await using edge = await startTestEdge({ edge: { pathPrefix: '/push/v1' } });
    await using client = edge.open('/push/v1/app/main-key?protocol=7');
    await client.established();
    for (const path of [MAIN, '/push/app/main-key', '/push/v1/push/v1/app/main-key'])
      await assertRefused(edge, path, 4005, 'Path not found');
  });

  it('[CN3] protocols 4 to 7, and none, are treated alike', async () => {
    await using edge = await startTestEdge();
    for (const query of [
      '?protocol=4',
      '?protocol=5',
      '?protocol=6',
      '?protocol=7',
      '',
      '?protocol=',
    ]) {
      await using client = edge.open(MAIN + query);
      const { data } = await client.established();
      assert.equal(typeof data, 'string', `data for ${query}`);
      await client.join('lobby');
      const event = await edge.trigger('lobby');
      assert.equal(await client.next(), event);
    }
  });

  const refusals = [
    ['/app/nobody?protocol=7', 4001, unknown('nobody')],
    ['/app/nobody%20%3Cb%3E', 4001, unknown('nobody?<b>')],
    [`${MAIN}x`, 4001, unknown('main-keyx')],
    ['/app/MAIN-KEY', 4001, unknown('MAIN-KEY')],
    ['/app/disabled-key', 4003, 'Application disabled'],
    ['/', 4005, 'Path not found'],
    ['/app', 4005, 'Path not found'],
    ['/app/', 4005, 'Path not found'],
    ['/app/main-key/more', 4005, 'Path not found'],
    ['/apps/main-key', 4005, 'Path not found'],
    ['/app/%ZZ', 4005, 'Path not found'],
    [`${MAIN}?protocol=seven`, 4006, 'Invalid version string format'],
    [`${MAIN}?protocol=7.0`, 4006, 'Invalid version string format'],
    [`${MAIN}?protocol=7abc`, 4006, 'Invalid version string format'],
    [`${MAIN}?protocol=3`, 4007, 'Unsupported protocol version'],
    [`${MAIN}?protocol=8`, 4007, 'Unsupported protocol version'],
    [`${MAIN}?protocol=-1`, 4007, 'Unsupported protocol version'],
    [`${MAIN}?protocol=99999999999999999999`, 4007, 'Unsupported protocol version'],
  ] as const;

  it('[CN4] a refusal is an error event and then a close with the same code and text', async () => {
    await using edge = await startTestEdge();
    for (const [path, code, message] of refusals) await assertRefused(edge, path, code, message);
    await using client = await edge.connect();
    await client.nothingBefore('the neighbours of refused sockets are well');
    assert.equal(edge.counters.connections, 1);
  });

  it('[CN4] what a refused socket sends is not looked at', async () => {
    await using edge = await startTestEdge();
    await using raw = await RawClient.open(edge.edge.port, '/app/nobody');
    const ended = once(raw.socket, 'end');
    raw.write(wsFrame('{"event":"pusher:subscribe","data":{"channel":"lobby"}}'), wsFrame('x', 2));
    raw.socket.resume();
    await within(ended, 'waited for the end of a refused socket');
    assert.equal(edge.counters.framesIn, 0);
  });

  it('[CN13] a close reason fits into 123 bytes, whatever the key was', async () => {
    await using edge = await startTestEdge();
    const keys = [
      'k'.repeat(55),
      'k'.repeat(56),
      'k'.repeat(2000),
      'ü'.repeat(300),
      '😀'.repeat(100),
    ];
    for (const key of keys) {
      await using client = edge.open(`/app/${encodeURIComponent(key)}`);
      const message = await client.nextError(4001);
      const { code, reason } = await client.closedWith();
      assert.deepEqual({ code, reason }, { code: 4001, reason: message });
      assert.ok(Buffer.byteLength(reason) <= 123, `${Buffer.byteLength(reason)} bytes`);
    }
  });

  it('[CN13] a longer text is cut between characters', () => {
    const cases = [
      ['x'.repeat(123), 'x'.repeat(123)],
      ['x'.repeat(124), 'x'.repeat(123)],
      ['ü'.repeat(62), 'ü'.repeat(61)],
      ['😀'.repeat(31), '😀'.repeat(30)],
    ] as const;
    for (const [message, cut] of cases)
      assert.equal(closeText({ ...closeReasons.draining, message }, 123), cut);
  });
});

describe('Signs of life', { concurrency: true }, () => {
  it('[CN5] a ping is answered with any data or none, and a pong is taken silently', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    const rests = [
      '',
      ',"data":{}',
      ',"data":"{}"',
      ',"data":""',
      ',"data":null',
      ',"data":42',
      ',"data":[]',
      ',"channel":7,"data":{"deep":{"er":[]}}',
    ];
    for (const rest of rests) {
      client.send(`{"event":"pusher:pong"${rest}}`);
      client.send(`{"event":"pusher:ping"${rest}}`);
      assert.equal(await client.next(), PONG, `the answer to a ping with ${rest}`);
    }
    await client.nothingBefore('one pong for each ping and none for a pong');
  });

  it('[CN6] a WebSocket PING is answered with its payload', async () => {
    await using edge = await startTestEdge();
    await using client = await edge.connect();
    for (const payload of ['', 'x', '\0\u00ff{"event":', 'p'.repeat(125)]) {
      const ponged = once(client.socket, 'pong');
      client.socket.ping(payload);
      const [echo] = (await within(ponged, 'waited for a PONG')) as [Buffer];
      assert.equal(echo.toString(), payload);
    }
    await client.nothingBefore('a PING has no other answer');
  });

  it('[CN7] a silent socket gets a PING, and any frame it sends is life', async () => {
    await using edge = await startTestEdge({ edge: { pingSeconds: 1, pongSeconds: 1 } });
    await using answering = await edge.connect();
    await using pinging = await edge.connect(apps.main, { autoPong: false });
    await using talking = await edge.connect(apps.main, { autoPong: false });
    pinging.socket.on('ping', () => pinging.socket.ping());
    talking.socket.on('ping', () => talking.send('{"event":"pusher:pong"}'));
    await Promise.all([answering, pinging, talking].map((client) => pings(client, 3)));
    for (const client of [answering, pinging, talking])
      await client.nothingBefore('a socket that lives hears nothing of it');
  });

  it('[CN8] a socket that answers no PING is told 4201 and closed', async () => {
    await using edge = await startTestEdge({ edge: { pingSeconds: 1, pongSeconds: 1 } });
    await using dead = await edge.connect(apps.main, { autoPong: false });
    await using alive = await edge.connect();
    await pings(dead, 1);
    const message = await dead.nextError(4201);
    assert.equal(message, 'Pong reply not received');
    assert.deepEqual(await dead.closedWith(), { code: 4201, reason: message });
    await alive.nothingBefore('only the dead one is closed');
    assert.equal(edge.counters.connections, 1);
  });
});

describe('The order of frames', () => {
  it('[CN9] frames behind one that waits for the bus are handled after it, in their order', async () => {
    const bus = new ControlledBus();
    await using edge = await startTestEdge({ openBus: () => bus });
    await using client = await edge.connect();
    client.subscribe('one');
    client.send('{"event":"pusher:ping"}');
    client.subscribe('two');
    client.unsubscribe('two');
    client.send('no json');
    client.sendFrame({ event: 'pusher:unheard-of' });
    client.socket.send(Buffer.from('binary'));
    client.subscribe('Not A Name');
    client.subscribe('one');
    client.unsubscribe('two');
    const [one, two] = await bus.asked.take(2);
    two?.answer();
    await client.allRead();
    assert.equal(client.inbox.size, 0, 'nothing is answered before the first frame');
    one?.answer();
    assert.equal(await client.next(), succeeded('one'));
    assert.equal(await client.next(), PONG);
    assert.equal(await client.next(), succeeded('two'));
    assert.equal(await client.nextError(), 'Received invalid JSON');
    assert.match(await client.nextError(), /^Unsupported event .*unheard-of$/);
    assert.equal(await client.nextError(), 'Binary frames are not supported');
    assert.match(await client.nextError(), /^Invalid channel name 'Not A Name'/);
    assert.equal((await client.nextFrame()).event, 'pusher:subscription_error');
    assert.equal(await client.nextError(), 'Existing subscription to channel one');
    assert.match(await client.nextError(), /^No current subscription to channel two/);
    assert.deepEqual([...bus.wanted.keys()], [keyOf('one')]);
  });

  it('[CN9] a socket that waits for the bus keeps no other one waiting', async () => {
    const bus = new ControlledBus();
    await using edge = await startTestEdge({ openBus: () => bus });
    await using waiting = await edge.connect();
    await using other = await edge.connect();
    waiting.subscribe('slow');
    const slow = await bus.asked.next();
    await other.nothingBefore('the other is answered at once');
    slow.answer();
    assert.equal(await waiting.next(), succeeded('slow'));
  });
});

function unknown(key: string): string {
  return `App key ${key} not in this cluster. Did you forget to specify the cluster?`;
}

async function assertRefused(
  edge: EdgeUnderTest,
  path: string,
  code: number,
  message: string,
): Promise<void> {
  await using client = edge.open(path);
  const opened = once(client.socket, 'open');
  assert.equal(
    await client.next(),
    JSON.stringify({ event: 'pusher:error', data: { code, message } }),
    `the error for ${path}`,
  );
  await opened;
  assert.deepEqual(await client.closedWith(), { code, reason: message }, `the close for ${path}`);
}

async function pings(client: Client, count: number): Promise<void> {
  let seen = 0;
  const done = new Promise<void>((resolve) => {
    client.socket.on('ping', () => (seen += 1) === count && resolve());
  });
  await within(done, `waited for ${count} PINGs of the edge`);
}
