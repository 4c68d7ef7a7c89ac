import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { sample, startCluster, type Member } from '../cluster.ts';
import { runFanfare } from '../fanfare.ts';
import { openRawSocket } from '../raw-socket.ts';
import { PATIENCE_MS } from '../sdk.ts';
import { within } from '../support/deadline.ts';

const cluster = await startCluster({
  edges: 2,
  apis: 1,
  env: { LOG_LEVEL: 'trace', DRAIN_SECONDS: '2' },
});
after(() => cluster[Symbol.asyncDispose]());
const [edge, otherEdge] = cluster.edges as readonly [Member, Member];
const [api] = cluster.apis as readonly [Member];
const sdk = cluster.serverSdk(0);

async function get(url: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}

/** What the process shows of itself now. */
async function metricsOf(member: Member): Promise<(name: string, labels?: Labels) => number> {
  const { text } = await get(`${member.opsUrl}/metrics`);
  return (name, labels) => sample(text, name, labels);
}
type Labels = Readonly<Record<string, string>>;

describe('operations', () => {
  it('[EE34] answer /livez and /readyz for every role', async () => {
    for (const { opsUrl } of [edge, otherEdge, api]) {
      assert.deepEqual(await get(`${opsUrl}/livez`), { status: 200, text: 'ok\n' });
      assert.deepEqual(await get(`${opsUrl}/readyz`), {
        status: 200,
        text: '{"ready":true,"reasons":[]}\n',
      });
      assert.equal((await get(`${opsUrl}/elsewhere`)).status, 404);
    }
  });

  it('[EE35] count on an edge what its clients send and get', async () => {
    const before = await metricsOf(edge);
    await using first = await openRawSocket(cluster.edgeUrl(0));
    await using second = await openRawSocket(cluster.edgeUrl(0));
    for (const socket of [first, second]) {
      const { auth } = sdk.authorizeChannel(socket.id, 'private-counted');
      await socket.subscribe('private-counted', auth);
    }
    await first.subscribe('counted');
    await sdk.trigger(['private-counted', 'counted'], 'e', 'data');
    first.send('client-e', 'from first', 'private-counted');
    await first.frames.take(2);
    const frames = await second.frames.take(2);
    first.send('client-e', 'to a public channel', 'counted');
    assert.equal((await first.frames.next()).event, 'pusher:error');
    assert.deepEqual(await second.untilPong(), []);

    const now = await metricsOf(edge);
    const growth = (name: string): number => now(name) - before(name);
    assert.deepEqual(
      {
        connections: growth('fanfare_connections'),
        subscriptions: growth('fanfare_subscriptions'),
        channels: growth('fanfare_channels'),
        // Three subscribes, two client events and a ping.
        frames: growth('fanfare_frames_received_total'),
        // The trigger on both channels and the client event.
        busEvents: growth('fanfare_bus_events_total'),
        // Two to two subscribers of one channel, one to the other, the client event to one.
        delivered: growth('fanfare_events_delivered_total'),
        clientEvents: growth('fanfare_client_events_total'),
        dropped: growth('fanfare_client_events_dropped_total'),
        busUp: now('fanfare_bus_up'),
      },
      {
        connections: 2,
        subscriptions: 3,
        channels: 2,
        frames: 6,
        busEvents: 3,
        delivered: 4,
        clientEvents: 1,
        dropped: 1,
        busUp: 1,
      },
    );
    assert.ok(growth('fanfare_frame_bytes_received_total') > 200);
    const [event = 0, clientEvent = 0] = frames.map((frame) => JSON.stringify(frame).length);
    const counted = JSON.stringify({ event: 'e', channel: 'counted', data: 'data' }).length;
    assert.equal(growth('fanfare_event_bytes_delivered_total'), 2 * event + counted + clientEvent);
    // The first subscriptions of the two channels waited for the bus, the third did not have to.
    assert.equal(growth('fanfare_subscribe_wait_seconds_count'), 2);
  });

  it('[EE36] count on an API node its requests by route and status, their latency, and what was published', async () => {
    const before = await metricsOf(api);
    await sdk.trigger(['one', 'two', 'three'], 'e', 'data');
    await sdk.triggerBatch([
      { channel: 'one', name: 'e', data: 'ü' },
      { channel: 'two', name: 'e', data: '' },
    ]);
    const stranger = cluster.serverSdk(0, { secret: 'not-the-secret' });
    await assert.rejects(stranger.trigger('one', 'e', 'data'), { status: 401 });
    await assert.rejects(sdk.trigger('one', 'pusher:e', 'data'), { status: 400 });

    const now = await metricsOf(api);
    const growth = (name: string, labels: Labels): number => {
      const earlier = ((): number => {
        try {
          return before(name, labels);
        } catch {
          // A series with labels begins with the first request that has them.
          return 0;
        }
      })();
      return now(name, labels) - earlier;
    };
    const [events, batch] = ['/apps/:app/events', '/apps/:app/batch_events'] as const;
    const requests = (route: string, status: string): number =>
      growth('fanfare_api_requests_total', { route, status });
    assert.deepEqual(
      [
        requests(events, '200'),
        requests(batch, '200'),
        requests(events, '401'),
        requests(events, '400'),
      ],
      [1, 1, 1, 1],
    );
    assert.equal(growth('fanfare_api_request_seconds_count', { route: events }), 3);
    assert.equal(growth('fanfare_triggers_total', {}), 2);
    assert.equal(growth('fanfare_events_published_total', {}), 5);
    assert.equal(growth('fanfare_event_bytes_published_total', {}), 3 * 4 + 2);
  });

  it('[EE37] log JSON lines on stdout, without secrets, auth or payload', async () => {
    const payload = 'a-very-private-sentence';
    const socket = await openRawSocket(cluster.edgeUrl(0));
    const { auth } = sdk.authorizeChannel(socket.id, 'private-logged');
    await socket.subscribe('private-logged', auth);
    const wrong = 'f'.repeat(64);
    socket.send('pusher:subscribe', {
      channel: 'private-other',
      auth: `${cluster.app.key}:${wrong}`,
    });
    socket.send('client-e', payload, 'private-logged');
    await socket.frames.take(2);
    await sdk.trigger('private-logged', 'e', payload);
    await socket.frames.next();
    await assert.rejects(sdk.trigger('logged', `pusher:${payload}`, payload), { status: 400 });
    await socket[Symbol.asyncDispose]();

    for (const { process } of [edge, otherEdge, api]) {
      assert.equal(process.stream('stderr'), '');
      const lines = process.stream('stdout').trimEnd().split('\n');
      assert.ok(lines.length > 2, process.output());
      for (const line of lines) {
        const entry = JSON.parse(line) as Readonly<Record<string, unknown>>;
        const { level, time, role, msg } = entry;
        assert.deepEqual(
          [typeof level, typeof time, typeof role, typeof msg],
          ['number', 'number', 'string', 'string'],
          line,
        );
      }
      const signature = auth.split(':')[1] ?? '';
      for (const hidden of [cluster.app.secret, signature, wrong, payload])
        assert.ok(!process.output().includes(hidden), `${hidden} is logged`);
    }
  });

  it('[EE38] print the effective settings by `fanfare config`, secrets masked', async () => {
    const env = {
      APP_ID: '7',
      APP_KEY: 'visible-key',
      APP_SECRET: 'hidden-secret',
      REDIS_URL: 'rediss://user:hidden-password@redis.example:6380/1',
      EDGE_PORT: '4000',
    };
    for (const role of ['start', 'edge', 'api']) {
      const { code, stdout, text } = await runFanfare(['config', role], { env });
      assert.equal(code, 0, text);
      assert.doesNotMatch(text, /hidden/);
      const lines = stdout.split('\n');
      const expected = ['APP_KEY=visible-key', 'APP_SECRET=***', 'DRAIN_SECONDS=30'];
      if (role !== 'api') expected.push('EDGE_PORT=4000');
      assert.deepEqual(
        expected.filter((line) => !lines.includes(line)),
        [],
        text,
      );
      assert.match(stdout, /^REDIS_URL=rediss:\/\/\*+@redis\.example:6380\/1$/m);
    }
  });

  it('[EE39] turn unready on SIGTERM, send every client away with 4200 and end with exit code 0', async () => {
    const sockets = await Promise.all(
      Array.from({ length: 20 }, () => openRawSocket(cluster.edgeUrl(1))),
    );
    otherEdge.process.signal('SIGTERM');
    await within(
      Promise.race(sockets.map(({ closed }) => closed)),
      PATIENCE_MS,
      () => 'SIGTERM closed nobody',
    );
    assert.deepEqual(await get(`${otherEdge.opsUrl}/readyz`), {
      status: 503,
      text: '{"ready":false,"reasons":["the process is stopping"]}\n',
    });
    for (const socket of sockets) {
      const frame = await socket.frames.next();
      assert.deepEqual(frame, {
        event: 'pusher:error',
        data: { code: 4200, message: 'Server is going away, please reconnect' },
      });
      assert.deepEqual(await socket.closed, {
        code: 4200,
        reason: 'Server is going away, please reconnect',
      });
    }
    assert.deepEqual(await otherEdge.process.exited(), { code: 0, signal: null });
    await cluster.restartEdge(1);

    api.process.signal('SIGTERM');
    assert.deepEqual(await api.process.exited(), { code: 0, signal: null });
  });
});
