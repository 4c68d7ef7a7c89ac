import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Agent, type AgentOptions } from 'node:http';
import { after, describe, it } from 'node:test';
import PusherServer from 'pusher';
import { startCluster } from '../cluster.ts';
import { inboxOf, subscribed, type PusherJs } from '../sdk.ts';
import { sdkOptions, serverSdkKinds, type RequestError } from '../server-sdks.ts';
import { freePort } from '../support/free-port.ts';
import type { Inbox } from '../support/inbox.ts';
import { startSwitch } from '../switch.ts';
import { startReceiver } from '../webhook-receiver.ts';

const receiver = await startReceiver();
/** An app amid a rotation of its keys: the first signs webhooks. */
const [old, fresh] = ['old', 'new'].map((name) => ({
  key: `${name}-${randomBytes(6).toString('hex')}`,
  secret: randomBytes(16).toString('hex'),
})) as unknown as readonly [Token, Token];
const cluster = await startCluster({
  edges: 2,
  apis: 1,
  workers: 1,
  app: { keys: [old, fresh], webhooks: [{ url: receiver.url }] },
});
after(async () => {
  for (const each of [cluster, receiver]) await each[Symbol.asyncDispose]();
});
const { id } = cluster.app;
const options = { ...sdkOptions(cluster), ...old };
receiver.trust(cluster.serverSdk(0, { app: { id, ...old } }));
const apiPort = options.port;

interface Token {
  readonly key: string;
  readonly secret: string;
}

/** What a pusher-js hears that has connected with the new key. */
async function eventsOn(channel: string): Promise<Inbox<unknown>> {
  const pusher = cluster.pusherJs(1, {}, fresh.key);
  return inboxOf(await subscribed(pusher.subscribe(channel)), 'e');
}

/** A pusher-js that joins presence channels as the user `a`. */
function memberOn(edge: number): PusherJs {
  const backend = cluster.serverSdk(0, { app: { id, ...old } });
  return cluster.pusherJs(
    edge,
    {
      channelAuthorization: {
        transport: 'ajax',
        endpoint: '',
        customHandler: ({ socketId, channelName }, callback) =>
          callback(null, backend.authorizeChannel(socketId, channelName, { user_id: 'a' })),
      },
    },
    old.key,
  );
}

for (const kind of serverSdkKinds) {
  const sdk = kind.open(options);
  const oldToken = kind.token(old.key, old.secret);
  const freshToken = kind.token(fresh.key, fresh.secret);

  const refusalOf = async (call: Promise<unknown>): Promise<RequestError> => {
    const error: unknown = await call.then(
      () => assert.fail('the call was answered'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof kind.RequestError, String(error));
    return error;
  };

  describe(`${kind.name} and its options`, () => {
    it('[SK9] webhook() takes what the cluster sends, under any of the tokens it is told, and nothing else', async () => {
      const name = `presence-${kind.name}`;
      await subscribed(memberOn(0).subscribe(name));
      await receiver.storyOf(name, 2);
      const requests = receiver.requests.filter(({ body }) => body.includes(name));
      const events: unknown[] = [];
      for (const { headers, body } of requests) {
        const request = { headers, rawBody: body };
        const webhook = sdk.webhook(request);
        assert.ok(webhook.isContentTypeValid() && webhook.isBodyValid());
        assert.equal(await webhook.isValid(), true);
        assert.ok(Math.abs(webhook.getTime().getTime() - Date.now()) < 60_000);
        assert.equal(webhook.getData().time_ms, webhook.getTime().getTime());
        events.push(...webhook.getEvents());
        const other = kind.open({ ...options, ...fresh }).webhook(request);
        assert.equal(await other.isValid(), false);
        assert.equal(await other.isValid(oldToken), true);
        assert.equal(await other.isValid([freshToken, oldToken]), true);
        const forged = sdk.webhook({ headers, rawBody: `${body} ` });
        assert.equal(await forged.isValid(), false);
        const untyped = sdk.webhook({ headers: { ...headers, 'content-type': '' }, rawBody: body });
        assert.deepEqual([untyped.isContentTypeValid(), await untyped.isValid()], [false, false]);
        assert.throws(() => untyped.getData(), kind.WebHookError);
      }
      assert.deepEqual(
        events.filter((each) => (each as { channel: string }).channel === name),
        [
          { name: 'channel_occupied', channel: name },
          { name: 'member_added', channel: name, user_id: 'a' },
        ],
      );
    });

    it('[SK10] forURL finds app, key and address in a URL', async () => {
      const channel = `by-url-${kind.name}`;
      const inbox = await eventsOn(channel);
      const { key, secret } = fresh;
      const byUrl = kind.forURL(`http://${key}:${secret}@127.0.0.1:${apiPort}/apps/${id}`);
      await byUrl.trigger(channel, 'e', { n: 1 });
      assert.deepEqual(await inbox.next(), { n: 1 });
    });

    it('[SK12] a refusal reaches the caller as a RequestError with its status and a sentence', async () => {
      const tooLarge = 'x'.repeat(10_241);
      const refusals: readonly (readonly [() => Promise<unknown>, number, RegExp])[] = [
        [() => sdk.trigger('c', 'e', tooLarge), 413, /exceeds the allowed maximum \(10240 bytes\)/],
        [() => sdk.triggerBatch([{ channel: 'c', name: 'e', data: tooLarge }]), 413, /10240/],
        [() => sdk.triggerBatch(Array.from({ length: 11 }, event)), 400, /10 events/],
        [() => sdk.trigger('c', 'e', undefined), 400, /data/],
        [() => sdk.trigger('c', 'e', {}, { info: 'colour' }), 400, /attribute/],
        [() => sdk.get({ path: '/channels/c/users' }), 400, /presence channels/],
        [
          () => sdk.get({ path: '/channels', params: { info: 'user_count' } }),
          400,
          /filter_by_prefix/,
        ],
        [() => sdk.get({ path: '/nowhere' }), 404, /NOT FOUND/],
        [() => sdk.get({ path: '/events' }), 405, /./],
        [() => kind.open({ ...options, secret: 'wrong' }).trigger('c', 'e', {}), 401, /signature/],
        [() => kind.open({ ...options, key: 'nobody' }).trigger('c', 'e', {}), 401, /auth_key/],
        [() => kind.open({ ...options, appId: '1' }).trigger('c', 'e', {}), 404, /NOT FOUND/],
      ];
      for (const [call, status, text] of refusals) {
        const error = await refusalOf(call());
        assert.equal(error.status, status, error.body);
        assert.match(error.body ?? '', text);
        assert.match(error.body ?? '', /\n$/);
        assert.ok(error.url.startsWith(cluster.apiUrl(0)));
      }
    });

    it('[SK13] a call that is not answered ends by `timeout`, one to nobody at once; the next is served', async () => {
      await using balancer = await startSwitch(apiPort);
      const patient = kind.open({ ...options, port: balancer.port, timeout: 300 });
      balancer.hold();
      const late = await refusalOf(patient.trigger('c', 'e', {}));
      assert.deepEqual([late.status, late.message], [undefined, 'Request failed with an error']);
      balancer.use(apiPort);
      assert.equal((await patient.trigger('c', 'e', {})).status, 200);
      const nobody = kind.open({ ...options, port: await freePort() });
      assert.equal((await refusalOf(nobody.trigger('c', 'e', {}))).status, undefined);
    });
  });
}

function event(): { channel: string; name: string; data: string } {
  return { channel: 'c', name: 'e', data: '' };
}

describe('pusher and its own options', () => {
  const app = { appId: id, ...fresh };
  const port = String(apiPort);

  it('[SK11] forCluster and `cluster` work where the hosts of a cluster lead to Fanfare', async () => {
    const inbox = await eventsOn('by-cluster');
    const { agent, asked } = openAgent();
    const withPort = { ...app, port, agent };
    await PusherServer.forCluster('eu', withPort).trigger('by-cluster', 'e', 1);
    await new PusherServer({ ...withPort, cluster: 'us2' }).trigger('by-cluster', 'e', 2);
    assert.deepEqual(await inbox.take(2), [1, 2]);
    assert.deepEqual(asked, ['api-eu.pusher.com', 'api-us2.pusher.com']);
  });

  it('[SK15] the older names work: authenticate, `encrypted`, and a master key that is no base64', async () => {
    // The types know it no longer.
    const older = { ...app, port, encryptionMasterKey: randomBytes(16).toString('hex') };
    const sdk = new PusherServer({
      ...older,
      host: '127.0.0.1',
      encrypted: false,
    });
    const pusher = cluster.pusherJs(
      0,
      {
        channelAuthorization: {
          transport: 'ajax',
          endpoint: '',
          customHandler: ({ socketId, channelName }, callback) =>
            // oxlint-disable-next-line typescript/no-deprecated -- it is what is tested
            callback(null, sdk.authenticate(socketId, channelName)),
        },
      },
      fresh.key,
    );
    const name = 'private-encrypted-older';
    const inbox = inboxOf(await subscribed(pusher.subscribe(name)), 'e');
    await sdk.trigger(name, 'e', { n: 1 });
    assert.deepEqual(await inbox.next(), { n: 1 });
  });

  it('[SK14] an agent that keeps connections makes all its calls on one', async () => {
    const { agent } = openAgent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    agent.on('free', ({ localPort }) => ports.add(localPort));
    const sdk = new PusherServer({ ...app, host: '127.0.0.1', port, agent });
    for (const n of [1, 2, 3]) await (await sdk.trigger('kept', 'e', n)).json();
    await Promise.all(
      [4, 5, 6].map(async (n) => {
        await (await sdk.trigger('kept', 'e', n)).json();
      }),
    );
    const refused = sdk.get({ path: '/channels/kept/users' });
    await assert.rejects(refused, PusherServer.RequestError);
    assert.equal((await sdk.get({ path: '/channels/kept' })).status, 200);
    assert.equal(ports.size, 1, [...ports].join());
  });
});

/** Whatever host is asked for, the API answers, and nobody else is asked. */
function openAgent(more: AgentOptions = {}): { readonly agent: Agent; readonly asked: string[] } {
  const asked: string[] = [];
  const agent = new Agent({
    ...more,
    lookup: (host, { all }, callback) => {
      asked.push(host);
      if (all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
      else callback(null, '127.0.0.1', 4);
    },
  });
  after(() => agent.destroy());
  return { agent, asked };
}
