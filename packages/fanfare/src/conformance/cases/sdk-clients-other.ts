import type { Case } from '../case.ts';
import { closedWith, frameText, rosterOf } from '../client.ts';
import { ensure, fieldsOf, Inapplicable, listOf, same } from '../expect.ts';
import { Api } from '../http.ts';

const PONG = { event: 'pusher:pong', data: '{}' };

export const otherClientSdkCases: readonly Case[] = [
  {
    rule: 'C9.1-10',
    title: '.NET: a refusal is told by pusher:error before the close, also to protocol 5.',
    mistakes: [35],
    async run(kit) {
      const target = `${kit.target.wsPath}/app/${kit.name('unknown')}?protocol=5&client=pusher-dotnet-client&version=2.3.0`;
      const client = await kit.open({ target });
      closedWith(await client.closed('pusher:error and a close with 4001'), 4001);
    },
  },
  {
    rule: 'C9.1-11',
    title: '.NET: every id of a roster stands in hash, count included.',
    mistakes: [4],
    async run(kit) {
      const channel = kit.name('presence-');
      const other = await kit.connect();
      await other.join(channel, '1');
      const client = await kit.connect({
        query: 'protocol=5&client=pusher-dotnet-client',
        edge: 1,
      });
      const frame = await client.subscribe(channel, {
        channelData: '{"user_id":"2","user_info":null}',
      });
      const roster = rosterOf(frame);
      const hash = fieldsOf(roster['hash'], 'hash');
      const ids = listOf(roster['ids'], 'ids').map(String);
      for (const id of ids) ensure(Object.hasOwn(hash, id), `${id} in hash`, hash);
      same(roster['count'], ids.length, 'count');
    },
  },
  {
    rule: 'C9.1-12',
    title:
      '.NET: nothing but the answer comes while a subscribe is pending, in particular no error.',
    async run(kit) {
      const client = await kit.connect({ query: 'protocol=5&client=pusher-dotnet-client' });
      for (let round = 0; round < 5; round += 1) await client.subscribe(kit.name('private-'));
      await client.silent('every subscribe is answered');
    },
  },
  {
    rule: 'C9.1-13',
    title: 'libPusher: protocol 6, pings without data.',
    async run(kit) {
      const client = await kit.connect({ query: 'protocol=6&client=iOS-libPusher&version=1.6.4' });
      const channel = kit.name('presence-');
      await client.join(channel, '7');
      client.wire.sendText('{"event":"pusher:ping"}');
      await client.expect(PONG);
      client.send('pusher:unsubscribe', { channel });
      await client.silent('unsubscribe has no reply');
    },
  },
  {
    rule: 'C9.1-14',
    title:
      'Pysher: a ping with "" before the connection is established, and subscribes without auth.',
    async run(kit) {
      const query = 'client=Pysher&version=1.0.8&protocol=6';
      const client = await kit.open({ query, firstText: frameText('pusher:ping', '') });
      await client.establish();
      const channel = kit.name();
      client.send('pusher:subscribe', { channel });
      for (;;) {
        const frame = await client.next('the confirmation');
        if (frame['event'] === 'pusher:pong') continue;
        same(frame['event'], 'pusher_internal:subscription_succeeded', 'the event');
        break;
      }
      client.send('pusher:pong', '');
      client.send('pusher:unsubscribe', { channel: kit.name() });
      await client.settle();
      await kit.marker(client, channel);
    },
  },
  {
    rule: 'C9.1-15',
    title: 'websocket-ruby: null auth and null channel_data, and pongs with null.',
    async run(kit) {
      const client = await kit.connect({ query: 'protocol=6&client=ruby-websocket&version=0.4.0' });
      const channel = kit.name();
      client.send('pusher:subscribe', { channel, auth: null, channel_data: null });
      await client.confirmed(channel);
      client.send('pusher:pong', null);
      await kit.marker(client, channel);
    },
  },
  {
    rule: 'C9.1-16',
    title: 'Laravel Echo: whispers and namespaced events on private and presence channels.',
    needs: 'client-events',
    mistakes: [22],
    async run(kit) {
      const channels = [kit.name('private-orders.'), kit.name('presence-chat.')] as const;
      const [one, two] = await kit.pair();
      await one.subscribe(channels[0]);
      await two.subscribe(channels[0]);
      await one.join(channels[1], '1', { name: 'A' });
      await two.join(channels[1], '2', { name: 'B' });
      await one.event('pusher_internal:member_added', channels[1]);
      for (const channel of channels) {
        two.send('client-typing', { name: 'B' }, { channel });
        await one.event('client-typing', channel);
        const data = '{"order":{"id":1},"socket":null}';
        await kit.api.trigger(channel, 'App\\Events\\OrderShipped', data, { socket_id: two.id });
        await one.expect({ event: 'App\\Events\\OrderShipped', channel, data });
      }
      await two.silent('both were its own');
    },
  },
  {
    rule: 'C1.7-1',
    title:
      'The HTTP fallbacks of pusher-js are answered at once on the WebSocket port, by 404 where there are none.',
    mistakes: [32],
    async run(kit) {
      const { edges, patienceMs } = kit.target;
      const side = new Api(edges[0], kit.credentials, patienceMs);
      const target = `${kit.target.wsPath}/pusher/app/${kit.credentials.key}/7/a1b2c3d4/xhr?protocol=7&client=js&version=8.6.0&t=1&n=1`;
      try {
        const started = performance.now();
        const { status } = await side.send({ method: 'POST', target });
        if (status === 200) throw new Inapplicable('the server has HTTP fallbacks');
        ensure(status === 404 || status === 405, 'status 404', status);
        const ms = performance.now() - started;
        ensure(ms < 2_000, 'an answer within 2 s', `${ms} ms`);
      } finally {
        side.close();
      }
    },
  },
];
