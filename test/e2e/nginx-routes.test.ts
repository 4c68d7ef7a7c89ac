import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, request as requestPlain, type IncomingMessage } from 'node:http';
import { Agent, request as requestTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { text } from 'node:stream/consumers';
import PusherServer from 'pusher';
import { WebSocket } from 'ws';
import { makeCertificate, startFanfareNginx, type FanfareNginx } from '../fanfare-nginx.ts';
import { Inbox } from '../support/inbox.ts';

/** A request as it arrives behind nginx. */
interface Arrived {
  readonly server: number;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly bodyBytes: number;
}

interface Upstreams extends AsyncDisposable {
  readonly ports: readonly number[];
  readonly arrived: Inbox<Arrived>;
}

/** Two servers in the place of edges and apis that note what arrives; `hangUp`: and answer nothing. */
async function startUpstreams(hangUp = false): Promise<Upstreams> {
  const arrived = new Inbox<Arrived>('requests behind nginx');
  const servers = [0, 1].map((server) => {
    const note = (request: IncomingMessage, bodyBytes: number): void => {
      const { method = '', url = '', headers } = request;
      arrived.push({ server, method, url, headers, bodyBytes });
    };
    // As much header as an api takes.
    return createServer({ maxHeaderSize: 65_536 }, (request, response) => {
      let bodyBytes = 0;
      request.on('data', (bytes: Buffer) => (bodyBytes += bytes.length));
      request.on('end', () => {
        note(request, bodyBytes);
        if (hangUp) request.socket.destroy();
        else response.end('{}');
      });
    })
      .on('upgrade', (request, socket) => {
        note(request, 0);
        socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      })
      .listen(0, '127.0.0.1');
  });
  await Promise.all(servers.map((server) => once(server, 'listening')));
  return {
    ports: servers.map((server) => (server.address() as AddressInfo).port),
    arrived,
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        const closed = once(server, 'close');
        server.close();
        server.closeAllConnections();
        await closed;
      }
    },
  };
}

interface Asked {
  readonly port: 'tls' | 'plain';
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Answered {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function ask(nginx: FanfareNginx, asked: Asked): Promise<Answered> {
  const { path, headers = {}, body = '', method = body === '' ? 'GET' : 'POST' } = asked;
  const options = { host: '127.0.0.1', path, method, headers, agent: false };
  const request =
    asked.port === 'tls'
      ? requestTls({ ...options, port: nginx.tlsPort, ca: nginx.certificate })
      : requestPlain({ ...options, port: nginx.plainPort });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return {
    status: response.statusCode,
    headers: response.headers,
    body: await text(response),
  };
}

describe('deploy/nginx.conf', () => {
  it('[DP18] sends a call that an api took and did not answer to no other', async () => {
    await using apis = await startUpstreams(true);
    await using nginx = await startFanfareNginx({ edges: apis.ports, apis: apis.ports });
    const post = await ask(nginx, { port: 'tls', path: '/apps/1/events', body: '{}' });
    assert.equal(post.status, 502);
    assert.equal((await apis.arrived.next()).method, 'POST');
    // Had the call gone to the other server as well, it would have arrived before this one.
    await ask(nginx, { port: 'tls', path: '/apps/1/marker' });
    assert.equal((await apis.arrived.next()).url, '/apps/1/marker');
  });

  it('[DP19] gives an edge nothing but WebSocket handshakes, and answers for paths of nobody', async () => {
    await using servers = await startUpstreams();
    await using nginx = await startFanfareNginx({ edges: servers.ports, apis: servers.ports });
    for (const [asked, status] of [
      [{ port: 'tls', path: '/app/key' }, 426],
      [{ port: 'tls', path: '/app/key', body: '{}' }, 426],
      [{ port: 'tls', path: '/app/key', headers: { connection: 'upgrade', upgrade: 'h2c' } }, 426],
      [{ port: 'tls', path: '/' }, 404],
      [{ port: 'tls', path: '/metrics' }, 404],
      [{ port: 'tls', path: '/nginx-health' }, 200],
      [{ port: 'plain', path: '/nginx-health' }, 200],
    ] as const satisfies readonly (readonly [Asked, number])[])
      assert.equal((await ask(nginx, asked)).status, status, `${asked.port} ${asked.path}`);
    await ask(nginx, { port: 'tls', path: '/apps/1/channels' });
    assert.equal((await servers.arrived.next()).url, '/apps/1/channels');
  });

  it('[DP20] serves and redirects nothing without TLS', async () => {
    await using servers = await startUpstreams();
    await using nginx = await startFanfareNginx({ edges: servers.ports, apis: servers.ports });
    const call = await ask(nginx, { port: 'plain', path: '/apps/1/events', body: '{}' });
    assert.equal(call.status, 403);
    assert.equal(call.headers.location, undefined);
    assert.match(call.body, /wss:\/\/ and https:\/\//);
    const socket = new WebSocket(`ws://127.0.0.1:${nginx.plainPort}/app/key`);
    const [error] = (await once(socket, 'error')) as [Error];
    assert.match(error.message, /403/);
    await ask(nginx, { port: 'tls', path: '/apps/1/marker' });
    assert.equal((await servers.arrived.next()).url, '/apps/1/marker');
  });

  it('[DP21] says who the client is, whatever the client says, and keeps cookies from the edges', async () => {
    await using servers = await startUpstreams();
    await using nginx = await startFanfareNginx({ edges: servers.ports, apis: servers.ports });
    const headers = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'http',
      cookie: `session=${'x'.repeat(6000)}`,
    };
    const socket = new WebSocket(`wss://127.0.0.1:${nginx.tlsPort}/app/key?protocol=7`, {
      ca: nginx.certificate,
      headers,
    });
    await once(socket, 'error');
    await ask(nginx, { port: 'tls', path: '/apps/1/events', headers, body: '{}' });
    const [handshake, call] = [await servers.arrived.next(), await servers.arrived.next()];
    assert.equal(handshake.url, '/app/key?protocol=7');
    assert.equal(handshake.headers.upgrade, 'websocket');
    assert.equal(handshake.headers.connection, 'upgrade');
    assert.equal(handshake.headers.cookie, undefined);
    // No `close`: the connection is kept for the next call.
    assert.equal(call.headers.connection, undefined);
    for (const arrived of [handshake, call]) {
      assert.equal(arrived.headers['x-forwarded-for'], '127.0.0.1');
      assert.equal(arrived.headers['x-forwarded-proto'], 'https');
      assert.equal(arrived.headers['x-forwarded-port'], String(nginx.tlsPort));
      assert.equal(arrived.headers['x-forwarded-host'], `127.0.0.1:${nginx.tlsPort}`);
    }
  });

  it('[DP22] passes the path and a body of up to a megabyte on as they came', async () => {
    await using servers = await startUpstreams();
    await using nginx = await startFanfareNginx({ edges: servers.ports, apis: servers.ports });
    const path = `/apps/1/channels/presence-a%2Fb%20c/users?info=a%2Cb&x=${'y'.repeat(20_000)}`;
    await ask(nginx, { port: 'tls', path });
    assert.equal((await servers.arrived.next()).url, path);
    const megabyte = 1024 * 1024;
    const fits = { port: 'tls', path: '/apps/1/events', body: 'x'.repeat(megabyte) } as const;
    assert.equal((await ask(nginx, fits)).status, 200);
    assert.equal((await servers.arrived.next()).bodyBytes, megabyte);
    const tooLarge = await ask(nginx, { ...fits, body: `${fits.body}x` });
    assert.equal(tooLarge.status, 413);
    assert.equal(servers.arrived.size, 0);
  });

  it('[DP23] keeps signatures out of the access log', async () => {
    await using servers = await startUpstreams();
    await using nginx = await startFanfareNginx({ edges: servers.ports, apis: servers.ports });
    const { tlsPort, certificate } = nginx;
    const sdk = new PusherServer({
      appId: '1',
      key: 'key',
      secret: 'secret',
      host: '127.0.0.1',
      port: String(tlsPort),
      useTLS: true,
      agent: new Agent({ ca: certificate }),
    });
    await sdk.trigger('updates', 'news', {});
    const { url } = await servers.arrived.next();
    const signature = new URL(url, 'https://host').searchParams.get('auth_signature');
    assert.match(signature ?? '', /^[0-9a-f]{64}$/);
    const [line = '', ...rest] = (await nginx.stop()).split('\n');
    assert.deepEqual(rest, ['']);
    const entry = JSON.parse(line) as Readonly<Record<string, string>>;
    assert.deepEqual([entry['path'], entry['status']], ['/apps/1/events', '200']);
    assert.ok(!line.includes('auth_') && !line.includes(signature ?? ''), line);
  });
});

describe('deploy/certificate.sh', () => {
  it('[DP24] makes a certificate that is trusted only where it is given, and keeps it while it is good', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'fanfare-certificate-'));
    try {
      assert.match(await makeCertificate(directory), /^made .*DNS:localhost,IP:127\.0\.0\.1/);
      assert.match(await makeCertificate(directory), /is still good$/m);
      const key = join(directory, 'tls.key');
      assert.equal((await stat(key)).mode & 0o077, 0, 'others may read the key');
      await rm(key);
      assert.match(await makeCertificate(directory), /^made /);

      await using servers = await startUpstreams();
      await using nginx = await startFanfareNginx({ edges: servers.ports, apis: servers.ports });
      const asked = { port: 'tls', path: '/nginx-health' } as const;
      assert.equal((await ask(nginx, asked)).body, 'ok\n');
      const stranger = { ...nginx, certificate: Buffer.alloc(0) };
      await assert.rejects(ask(stranger, asked), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
