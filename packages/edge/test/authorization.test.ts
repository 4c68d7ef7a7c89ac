import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appSchema, createMemoryNetwork, sign, type App } from '@fanfare/core';
import type { CloseReason } from '@fanfare/protocol';
import { AuthorizationWatch, type Unauthorized } from '../src/authorization.ts';
import { within } from './inbox.ts';
import { authFor, startTestEdge } from './edge-under-test.ts';

const MESSAGE = 'Connection not authorized within timeout';

function appWith(seconds: number, authorizedConnections = true): App {
  return appSchema.parse({
    id: '2001',
    keys: [{ key: 'strict-key', secret: 'strict-secret' }],
    authorizedConnections,
    limits: { authorizationTimeoutSeconds: seconds },
  });
}

interface Double extends Unauthorized {
  app: App;
  readonly closes: CloseReason[];
}

function connection(app: App): Double {
  const closes: CloseReason[] = [];
  return { app, closes, close: (reason) => closes.push(reason) };
}

/** Ticks from one to the other. */
function pass(watch: AuthorizationWatch, from: number, to: number): void {
  for (let tick = from; tick <= to; tick += 1) watch.tick(tick);
}

describe('Authorized connections', () => {
  it('[LM21] who has not shown whose it is when the time is over is closed, and not before', () => {
    const watch = new AuthorizationWatch();
    const [early, late] = [connection(appWith(30)), connection(appWith(30))];
    watch.begin(early);
    pass(watch, 1, 10);
    watch.begin(late);
    pass(watch, 11, 30);
    assert.deepEqual(early.closes, []);
    pass(watch, 31, 31);
    assert.deepEqual(early.closes, [{ code: 4009, reconnect: 'never', message: MESSAGE }]);
    pass(watch, 32, 40);
    assert.deepEqual(late.closes, []);
    pass(watch, 41, 500);
    assert.equal(late.closes.length, 1);
    assert.equal(early.closes.length, 1);
  });

  it('[LM21] the time may be longer than that between two pings', () => {
    const watch = new AuthorizationWatch();
    const slow = connection(appWith(3_600));
    watch.begin(slow);
    pass(watch, 1, 3_600);
    assert.deepEqual(slow.closes, []);
    pass(watch, 3_601, 3_601);
    assert.equal(slow.closes.length, 1);
  });

  it('[LM22] who has shown it, or is gone, is not looked at any more', () => {
    const watch = new AuthorizationWatch();
    const [shown, waiting] = [connection(appWith(5)), connection(appWith(5))];
    watch.begin(shown);
    watch.begin(waiting);
    watch.end(shown);
    watch.end(shown);
    pass(watch, 1, 20);
    assert.deepEqual(shown.closes, []);
    assert.equal(waiting.closes.length, 1);
    watch.end(waiting);
  });

  it('[LM23] an app that does not ask for it, or not any more, keeps its connections', () => {
    const watch = new AuthorizationWatch();
    const [never, changed] = [connection(appWith(5, false)), connection(appWith(5))];
    watch.begin(never);
    watch.begin(changed);
    changed.app = appWith(5, false);
    // What is switched on later is for those who come then.
    never.app = appWith(5);
    pass(watch, 1, 20);
    assert.deepEqual([...never.closes, ...changed.closes], []);
  });

  it('[LM21] [LM22] on a socket: a signature counts, whatever becomes of the channel, and nothing else does', async () => {
    const app = appWith(1);
    const network = createMemoryNetwork();
    const confirm: (() => void)[] = [];
    const confirmed = new Promise<void>((resolve) => confirm.push(resolve));
    await using edge = await startTestEdge({
      moreApps: [app],
      // Nothing is confirmed in time: to have a right to a channel is enough.
      openBus: (events) => ({ ...network.open(events), subscribe: () => confirmed }),
    });
    const clients = {
      silent: await edge.connect(app),
      open: await edge.connect(app),
      refused: await edge.connect(app),
      signed: await edge.connect(app),
      present: await edge.connect(app),
    };
    const openedMs = performance.now();
    clients.open.subscribe('lobby');
    clients.refused.subscribe('private-a', { auth: 'strict-key:00' });
    await clients.refused.nextError();
    clients.signed.subscribe('private-a', authFor(clients.signed.id, 'private-a', { app }));
    const member = { app, channelData: '{"user_id":"7"}' };
    clients.present.subscribe('presence-a', authFor(clients.present.id, 'presence-a', member));
    for (const name of ['silent', 'open', 'refused'] as const) {
      const closed = await clients[name].closedWith();
      assert.deepEqual(closed, { code: 4009, reason: MESSAGE }, name);
      assert.ok(performance.now() - openedMs > 950, name);
    }
    assert.equal(await clients.silent.nextError(4009), MESSAGE);
    for (const done of confirm) done();
    for (const name of ['signed', 'present'] as const) {
      const { event } = await clients[name].nextFrame();
      assert.equal(event, 'pusher_internal:subscription_succeeded');
    }
    for (const client of Object.values(clients)) await client[Symbol.asyncDispose]();
  });

  it('[LM22] a signin is enough, and one with a wrong signature is not', async () => {
    const app = appWith(1);
    await using edge = await startTestEdge({ moreApps: [app] });
    await using signed = await edge.connect(app);
    await using refused = await edge.connect(app);
    const userData = '{"id":"7"}';
    const [{ key, secret }] = app.keys;
    const auth = `${key}:${sign(secret, `${signed.id}::user::${userData}`)}`;
    signed.sendFrame({ event: 'pusher:signin', data: { auth, user_data: userData } });
    assert.equal((await signed.nextFrame()).event, 'pusher:signin_success');
    // Another socket's signature.
    refused.sendFrame({ event: 'pusher:signin', data: { auth, user_data: userData } });
    assert.match(await refused.nextError(), /^Invalid signature/);
    assert.equal((await refused.closedWith()).code, 4009);
    await signed.nothingBefore('the one that is signed in was closed');
  });

  it('[LM22] to leave the channel again takes nothing back', async () => {
    const app = appWith(1);
    await using edge = await startTestEdge({ moreApps: [app] });
    await using left = await edge.connect(app);
    await left.join('private-a', authFor(left.id, 'private-a', { app }));
    left.unsubscribe('private-a');
    await using silent = await edge.connect(app);
    await within(silent.closed, 'the silent one stays');
    await left.nothingBefore('the one that had shown whose it is was closed');
  });
});
