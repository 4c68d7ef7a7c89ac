import type { Case } from '../case.ts';
import { closedWith } from '../client.ts';
import { dataOf, ensure, type Fields, fieldsOf, listOf, same, textOf, unmet } from '../expect.ts';
import { succeeded, targetOf } from '../http.ts';
import { signedParams } from '../signing.ts';

export const userConnectionCases: readonly Case[] = [
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
  return listOf(dataOf(frame)['events'], 'events')
    .flatMap((each) => {
      const { name, user_ids: ids } = fieldsOf(each, 'an event');
      return listOf(ids, 'user_ids').map((id) => `${textOf(name, 'name')} ${textOf(id, 'an id')}`);
    })
    .toSorted();
}
