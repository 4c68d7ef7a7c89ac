import type { Case } from '../case.ts';
import type { Client } from '../client.ts';
import { dataOf, ensure, type Fields, same } from '../expect.ts';
import { succeeded } from '../http.ts';
import { userAuth } from '../signing.ts';

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
];
