import type { Case } from '../case.ts';
import { type Client, errorOf } from '../client.ts';
import { dataOf, ensure, type Fields, fieldsOf, listOf, same, unmet } from '../expect.ts';
import type { Kit } from '../kit.ts';
import { opcodes } from '../websocket-frame.ts';

const PONG = { event: 'pusher:pong', data: '{}' };

/** Presses a connection through all that sends it frames, and hands out those frames. */
async function everyFrame(kit: Kit, query: string): Promise<readonly Fields[]> {
  const [presence, secret] = [kit.name('presence-'), kit.name('private-')];
  const client = await kit.connect({ query });
  const other = await kit.connect({ edge: 1 });
  const frames = [client.established];
  const step = async (event: string): Promise<void> => {
    const frame = await client.next(event);
    same(frame['event'], event, 'the event');
    frames.push(frame);
  };
  frames.push(await client.subscribe(secret));
  const channelData = { user_id: '1', user_info: { n: 'A' } };
  frames.push(await client.subscribe(presence, { channelData }));
  await other.subscribe(secret);
  await other.join(presence, '2');
  await step('pusher_internal:member_added');
  if (kit.has('client-events')) {
    other.send('client-typing', { a: 1 }, { channel: presence });
    await step('client-typing');
  }
  await kit.api.trigger(secret, 'my-event', '{"a":1}');
  await step('my-event');
  other.wire.close();
  await step('pusher_internal:member_removed');
  client.send('pusher:ping', {});
  await step('pusher:pong');
  return frames;
}

function ping(): { readonly fin: boolean; readonly opcode: number; readonly payload: Buffer } {
  return { fin: true, opcode: opcodes.ping, payload: Buffer.alloc(0) };
}

async function encryptedEvents(kit: Kit, client: Client): Promise<void> {
  const channel = kit.name('private-encrypted-');
  client.send('pusher:subscribe', { auth: client.auth(channel), channel });
  same((await client.nextOfAny('the confirmation'))['data'], '{}', 'data of the confirmation');
  const data = '{"nonce":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz","ciphertext":"aGVsbG8="}';
  await kit.api.trigger(channel, 'secret', data);
  // Whatever else comes on this channel is decrypted by Java, and fails.
  same(await client.nextOfAny('the event'), { event: 'secret', channel, data });
  same(await client.settleAll(), [], 'frames behind it');
}

export const clientSdkCases: readonly Case[] = [
  {
    rule: 'C9.1-1',
    title: 'pusher-js: its session as it stands on the wire, from connecting to unsubscribing.',
    mistakes: [16, 27],
    async run(kit) {
      const client = await kit.connect();
      ensure(
        Boolean(dataOf(client.established)['activity_timeout']),
        'a truthy activity_timeout',
        client.established,
      );
      const [open, secret] = [kit.name(), kit.name('private-')];
      client.wire.sendTexts([
        JSON.stringify({ event: 'pusher:subscribe', data: { auth: '', channel: open } }),
        JSON.stringify({
          event: 'pusher:subscribe',
          data: { auth: client.auth(secret), channel: secret },
        }),
      ]);
      await client.confirmed(open);
      await client.confirmed(secret);
      await kit.api.trigger([open], 'App\\Events\\Up', '{"n":1}');
      await client.expect({ event: 'App\\Events\\Up', channel: open, data: '{"n":1}' });
      client.send('pusher:ping', {});
      await client.expect(PONG);
      client.send('pusher:unsubscribe', { channel: open });
      await client.silent('unsubscribe has no reply');
      await kit.api.trigger([open], 'late', '{}');
      await kit.marker(client, secret);
    },
  },
  {
    rule: 'C9.1-2',
    title: 'pusher-js: signin and the user channel behind it in one go.',
    mistakes: [11],
    async run(kit) {
      const client = await kit.connect();
      const channel = await client.signinAndListen(kit.name('u'));
      await kit.api.trigger(channel, 'alert', '{}');
      await client.expect({ event: 'alert', channel, data: '{}' });
    },
  },
  {
    rule: 'C9.1-3',
    title:
      'Java: protocol 5, a ping without data is answered, and nothing depends on an answer to pusher:ping events.',
    mistakes: [16, 17],
    async run(kit) {
      const client = await kit.connect({ query: 'protocol=5&client=java-client&version=2.4.4' });
      const channel = kit.name();
      client.wire.sendText(`{"event":"pusher:subscribe","data":{"channel":"${channel}"}}`);
      await client.confirmed(channel);
      client.wire.sendText('{"event":"pusher:ping"}');
      await client.expect(PONG);
      client.wire.sendFrame(ping());
      const arrival = await client.arrival('a PONG');
      if (arrival.kind !== 'pong') unmet('a PONG', arrival);
    },
  },
  {
    rule: 'C9.1-4',
    title: 'Java: client events whose data is a string are relayed as they are.',
    needs: 'client-events',
    mistakes: [18],
    async run(kit) {
      const channel = kit.name('private-');
      const java = await kit.connect({ query: 'protocol=5&client=java-client&version=2.4.4' });
      const other = await kit.connect({ edge: 1 });
      for (const client of [java, other]) await client.subscribe(channel);
      const data = '{"a" : 1}';
      java.wire.sendText(
        `{"event":"client-x","channel":"${channel}","data":${JSON.stringify(data)}}`,
      );
      await other.expect({ event: 'client-x', channel, data });
    },
  },
  {
    rule: 'C9.1-5',
    title:
      'Java: an encrypted channel gets its confirmation "{}" and encrypted events, and nothing else.',
    mistakes: [1, 41],
    async run(kit) {
      await encryptedEvents(kit, await kit.connect({ query: 'protocol=5&client=java-client' }));
    },
  },
  {
    rule: 'C9.1-6',
    title: 'Java: the roster has ids and hash, and a member removed is named by text.',
    mistakes: [29],
    async run(kit) {
      const channel = kit.name('presence-');
      const java = await kit.connect({ query: 'protocol=5&client=java-client' });
      const other = await kit.connect({ edge: 1 });
      const roster = await java.join(channel, 7);
      for (const id of listOf(roster['ids'], 'ids')) same(typeof id, 'string', 'an id to be a');
      fieldsOf(roster['hash'], 'hash');
      await other.join(channel, 8);
      same(dataOf(await java.next('member_added'))['user_id'], '8', 'the member added');
      other.wire.close();
      same(dataOf(await java.next('member_removed'))['user_id'], '8', 'the member removed');
    },
  },
  {
    rule: 'C9.1-7',
    title: 'Swift: data of every frame is a string, of pusher:error an object with a message.',
    mistakes: [1, 2, 3],
    async run(kit) {
      const query = 'protocol=7&client=pusher-websocket-swift&version=10.1.5';
      for (const frame of await everyFrame(kit, query))
        ensure(typeof frame['data'] === 'string', 'data that is a string', frame);
      const client = await kit.connect({ query });
      client.send('pusher:subscribe', { channel: kit.name('private-') });
      errorOf(await client.next('pusher:error'));
    },
  },
  {
    rule: 'C9.1-8',
    title: 'Swift: a PING each second of a burst, and no event ping at all, keep the connection.',
    mistakes: [16, 17],
    async run(kit) {
      const client = await kit.connect({ query: 'protocol=7&client=pusher-websocket-swift' });
      const channel = kit.name();
      await client.subscribe(channel);
      for (let at = 0; at < 30; at += 1) client.wire.sendFrame(ping());
      await kit.marker(client, channel);
    },
  },
  {
    rule: 'C9.1-9',
    title: 'Swift: no member is added twice, neither by the roster nor by an event of its own.',
    mistakes: [5],
    async run(kit) {
      const channel = kit.name('presence-');
      const [one, two] = await kit.pair();
      const roster = await one.join(channel, '1');
      same(roster['ids'], ['1'], 'ids');
      const tab = await kit.connect({ edge: 1 });
      same((await tab.join(channel, '1'))['ids'], ['1'], 'ids');
      await two.join(channel, '2');
      for (const client of [one, tab]) {
        await client.event('pusher_internal:member_added', channel);
        await client.silent('member 2 was added');
      }
    },
  },
];
