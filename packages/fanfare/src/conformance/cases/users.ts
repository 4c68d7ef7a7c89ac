import type { Case } from '../case.ts';
import { closedWith, type Client } from '../client.ts';
import { dataOf, ensure, listOf, parsed, same, unmet, type Fields } from '../expect.ts';
import { succeeded } from '../http.ts';
import { signedParams, userAuth } from '../signing.ts';
import { targetOf } from '../http.ts';

async function refusedSignin(client: Client, data: Fields, what: string): Promise<string> {
  client.send('pusher:signin', data);
  return client.refused(what);
}

export const userCases: readonly Case[] = [
  {
    rule: 'C4.1-1',
    title:
      'pusher:signin is answered by pusher:signin_success with user_data as it came, twice encoded.',
    mistakes: [11],
    async run(kit) {
      const client = await kit.connect();
      const user = `{ "id" : "${kit.name('u')}", "user_info":{"name":"\\u00e9 é"} }`;
      const frame = await client.signin(user);
      same(Object.keys(frame).toSorted(), ['data', 'event'], 'the members');
      same(dataOf(frame)['user_data'], user, 'user_data');
    },
  },
  {
    rule: 'C4.1-2',
    title:
      'An id that is no text, or empty, is refused in-band; so is user_data that is no object.',
    async run(kit) {
      const client = await kit.connect();
      for (const user of ['{"id":7}', '{"id":""}', '{}', '{"id":null}', '[]', 'x', '"7"'])
        await refusedSignin(client, client.signinData(user), `the user_data ${user}`);
    },
  },
  {
    rule: 'C4.1-3',
    title:
      'A wrong signature, that of another socket, and a missing parameter are refused in-band.',
    async run(kit) {
      const [client, other] = await kit.pair();
      const good = client.signinData({ id: kit.name('u') });
      const { user_data: userData } = good;
      await refusedSignin(client, other.signinData(String(userData)), "another socket's signature");
      await refusedSignin(client, { ...good, auth: `${kit.credentials.key}:dead` }, 'a wrong one');
      const unknown = userAuth({ ...kit.credentials, key: 'nobody' }, client.id, String(userData));
      await refusedSignin(client, { ...good, auth: unknown }, 'an unknown key');
      await refusedSignin(client, { user_data: userData }, 'no auth');
      await refusedSignin(client, { auth: good['auth'] }, 'no user_data');
      await client.signin(String(userData));
    },
  },
  {
    rule: 'C4.1-4',
    title: 'A second signin as the same user succeeds, as another user it is refused.',
    async run(kit) {
      const client = await kit.connect();
      const id = kit.name('u');
      await client.signin({ id });
      await client.signin({ id, user_info: { n: 'new' } });
      await refusedSignin(client, client.signinData({ id: kit.name('u') }), 'another user');
      await client.subscribe(`#server-to-user-${id}`);
    },
  },
  {
    rule: 'C4.1-5',
    title:
      'A signed-in connection may subscribe to its own user channel and to no other; one that is not, to none.',
    mistakes: [11],
    async run(kit) {
      const [client, stranger] = await kit.pair();
      const id = kit.name('u');
      const own = `#server-to-user-${id}`;
      stranger.send('pusher:subscribe', { auth: '', channel: own });
      await stranger.refused('a user channel before signin');
      await client.signin({ id });
      client.send('pusher:subscribe', { auth: '', channel: own });
      same(await client.confirmed(own), {
        event: 'pusher_internal:subscription_succeeded',
        data: '{}',
        channel: own,
      });
      client.send('pusher:subscribe', { auth: '', channel: `${own}x` });
      await client.refused("another user's channel");
    },
  },
  {
    rule: 'C4.1-6',
    title:
      'After signin, also in the same write, a presence channel may be joined without channel_data.',
    async run(kit) {
      const client = await kit.connect();
      const [id, channel] = [kit.name('u'), kit.name('presence-')];
      const user = { id, user_info: { n: 'A' } };
      client.wire.sendTexts([
        JSON.stringify({ event: 'pusher:signin', data: client.signinData(user) }),
        JSON.stringify({ event: 'pusher:subscribe', data: client.subscription(channel) }),
      ]);
      same((await client.next('signin_success'))['event'], 'pusher:signin_success', 'the event');
      same(dataOf(await client.confirmed(channel)), {
        presence: { count: 1, ids: [id], hash: { [id]: { n: 'A' } } },
      });
    },
  },
  {
    rule: 'C4.1-7',
    title: 'channel_data wins over the user that is signed in.',
    async run(kit) {
      const client = await kit.connect();
      await client.signin({ id: kit.name('u'), user_info: { n: 'A' } });
      const roster = await client.join(kit.name('presence-'), 'other', { n: 'B' });
      same(roster, { count: 1, ids: ['other'], hash: { other: { n: 'B' } } });
    },
  },
  {
    rule: 'C4.2-1',
    title:
      'An event to a user reaches every connection that is signed in as the user, on every edge, and no other.',
    async run(kit) {
      const [one, two] = await kit.pair();
      const stranger = await kit.connect();
      const [id, open] = [kit.name('u'), kit.name()];
      const channel = await one.signinAndListen(id);
      await two.signinAndListen(id);
      await stranger.signinAndListen(kit.name('u'));
      await stranger.subscribe(open);
      same(await kit.api.trigger(channel, 'alert', '{"a":1}'), {}, 'the answer');
      for (const client of [one, two])
        await client.expect({ event: 'alert', channel, data: '{"a":1}' });
      await kit.marker(stranger, open);
    },
  },
  {
    rule: 'C4.2-2',
    title: 'An event to a user who is not there, or whose id is long, is answered {}.',
    async run(kit) {
      for (const id of [kit.name('u'), kit.name('u').padEnd(190, 'x'), 'a_b-c=d@e,f.g;h'])
        same(await kit.api.trigger(`#server-to-user-${id}`, 'alert', '{}'), {}, 'the answer');
    },
  },
  {
    rule: 'C4.2-3',
    title: 'Batches reach users too, and the connection that an event names is left out.',
    mistakes: [31],
    async run(kit) {
      const [one, two] = await kit.pair();
      const id = kit.name('u');
      const channel = await one.signinAndListen(id);
      await two.signinAndListen(id);
      const event = { channel, name: 'alert', data: '{}', socket_id: one.id };
      succeeded(await kit.api.post(kit.api.path('/batch_events'), { batch: [event] }));
      await two.event('alert', channel);
      await kit.marker(one, channel);
    },
  },
  {
    rule: 'C4.2-4',
    title: 'User channels stand in no list of channels.',
    async run(kit) {
      const client = await kit.connect();
      const channel = await client.signinAndListen(kit.name('u'));
      const open = kit.name();
      await client.subscribe(open);
      await kit.eventually(async () => {
        const { channels } = succeeded(await kit.api.get(kit.api.path('/channels')));
        const names = Object.keys(Object(channels));
        ensure(names.includes(open), open, names);
        ensure(!names.includes(channel), 'no user channel', channel);
      });
    },
  },
  {
    rule: 'C4.2-5',
    title: 'After the connection has ended, another one does not get what was for its user.',
    async run(kit) {
      const [one, two] = await kit.pair();
      const id = kit.name('u');
      await one.signinAndListen(id);
      one.wire.close();
      const open = kit.name();
      await two.subscribe(open);
      await kit.api.trigger(`#server-to-user-${id}`, 'alert', '{}');
      await kit.marker(two, open);
    },
  },
  {
    rule: 'C4.4-1',
    title:
      'terminate_connections closes every connection of the user on every edge, error first, with a code below 4300.',
    mistakes: [15, 42],
    async run(kit) {
      const id = kit.name('u');
      const clients = await kit.pair();
      for (const client of clients) await client.signin({ id });
      const path = kit.api.path(`/users/${id}/terminate_connections`);
      same(succeeded(await kit.api.post(path, {})), {}, 'the answer');
      for (const client of clients) {
        const closed = await client.closed('pusher:error and a close');
        closedWith(closed, closed.code);
        ensure(closed.code >= 4000 && closed.code < 4300, 'a code from 4000 to 4299', closed.code);
      }
      const back = await kit.connect();
      await back.signin({ id });
    },
  },
  {
    rule: 'C4.4-2',
    title: 'Connections of others, and those that are the user in a presence channel only, stay.',
    mistakes: [42],
    async run(kit) {
      const id = kit.name('u');
      const [member, other] = await kit.pair();
      const signed = await kit.connect();
      const channel = kit.name('presence-');
      await member.join(channel, id);
      await other.signin({ id: `${id}x` });
      await signed.signin({ id });
      const path = kit.api.path(`/users/${id}/terminate_connections`);
      succeeded(await kit.api.post(path, {}));
      await signed.closed('a close');
      await kit.marker(member, channel);
      await other.silent('another user was terminated');
    },
  },
  {
    rule: 'C4.4-3',
    title: 'A user who is not there is answered {}; the id may be percent-encoded.',
    async run(kit) {
      for (const id of [kit.name('u'), encodeURIComponent('a@b;c')]) {
        const path = kit.api.path(`/users/${id}/terminate_connections`);
        const decoded = decodeURIComponent(path);
        const params = signedParams(kit.credentials, { method: 'POST', path: decoded, body: '{}' });
        const reply = await kit.api.send({
          method: 'POST',
          target: targetOf(path, params),
          body: '{}',
        });
        same(succeeded(reply), {}, 'the answer');
      }
    },
  },
  {
    rule: 'C4.3-1',
    title:
      'After signin_success the state of the watchlist comes: who is offline and who is online, lists that are not empty.',
    needs: 'watchlist',
    mistakes: [11],
    async run(kit) {
      const [client, friend] = await kit.pair();
      const [on, off] = [kit.name('on'), kit.name('off')];
      await friend.signin({ id: on });
      await kit.eventually(async () => {
        const watcher = await kit.connect();
        await watcher.signin({ id: kit.name('u'), watchlist: [on, off] });
        const frame = await watcher.next('watchlist_events');
        same(Object.keys(frame).toSorted(), ['data', 'event'], 'the members');
        same(watchlistOf(frame), [`offline ${off}`, `online ${on}`], 'the events');
      });
      await client.signin({ id: kit.name('u'), watchlist: [] });
      await client.silent('an empty watchlist has no events');
    },
  },
  {
    rule: 'C4.3-2',
    title:
      'online comes with the first connection of a watched user, offline with the end of the last, on every edge.',
    needs: 'watchlist',
    async run(kit) {
      const [client, friend] = await kit.pair();
      const id = kit.name('friend');
      await client.signin({ id: kit.name('u'), watchlist: [id] });
      same(watchlistOf(await client.next('watchlist_events')), [`offline ${id}`], 'the events');
      await friend.signin({ id });
      same(watchlistOf(await client.next('online')), [`online ${id}`], 'the events');
      const tab = await kit.connect({ edge: 0 });
      await tab.signin({ id });
      friend.wire.close();
      await friend.closed('a close');
      await client.silent('a connection is left');
      tab.wire.close();
      same(watchlistOf(await client.next('offline')), [`offline ${id}`], 'the events');
    },
  },
  {
    rule: 'C4.3-3',
    title:
      'Of more than 100 ids the first 100 are watched; signin_success comes, and pusher:error 4302, and nothing closes.',
    needs: 'watchlist',
    mistakes: [15],
    async run(kit) {
      const client = await kit.connect();
      const watchlist = Array.from({ length: 101 }, (_, at) => `${kit.name('w')}-${at}`);
      await client.signin({ id: kit.name('u'), watchlist });
      const frames = [await client.next('4302 or events'), await client.next('4302 or events')];
      const error = frames.find(({ event }) => event === 'pusher:error');
      const events = frames.find(({ event }) => event !== 'pusher:error');
      if (error === undefined || events === undefined) return unmet('pusher:error 4302', frames);
      same(Object(error['data']).code, 4302, 'the code');
      same(watchlistOf(events).length, 100, 'ids watched:');
      await client.silent('the connection stays');
    },
  },
  {
    rule: 'C4.5-1',
    title:
      'A connection that neither signs in nor subscribes with auth is closed with 4009, error first; others stay.',
    needs: 'authorized-connections',
    mistakes: [15],
    limitMs: 90_000,
    async run(kit) {
      const [idle, busy] = await kit.pair();
      const channel = kit.name('private-');
      await busy.subscribe(channel);
      closedWith(await idle.closed('a close with 4009', 60_000), 4009);
      await kit.marker(busy, channel);
    },
  },
];

/** `offline 3`, sorted. */
function watchlistOf(frame: Fields): readonly string[] {
  same(frame['event'], 'pusher_internal:watchlist_events', 'the event');
  const data = parsed(frame['data'], 'data');
  return listOf(Object(data).events, 'events')
    .flatMap((each) => {
      const { name, user_ids: ids } = Object(each) as Fields;
      return listOf(ids, 'user_ids').map((id) => `${String(name)} ${String(id)}`);
    })
    .toSorted();
}
