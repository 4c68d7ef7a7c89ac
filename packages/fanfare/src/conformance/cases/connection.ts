import type { Case } from '../case.ts';
import { closedWith, errorOf, frameText } from '../client.ts';
import { dataOf, ensure, same, textOf, unmet } from '../expect.ts';

/** Protocol versions that SDKs in the field connect with. */
const VERSIONS = [
  ['5', 'java-client', '2.4.4'],
  ['5', 'pusher-dotnet-client', '2.3.0'],
  ['6', 'Pysher', '1.0.8'],
  ['6', 'iOS-libPusher', '1.6.4'],
  ['6', 'ruby-websocket', '0.4.0'],
  ['7', 'pusher-websocket-swift', '10.1.5'],
  ['7', 'js', '8.6.0'],
] as const;

export const connectionCases: readonly Case[] = [
  {
    rule: 'C1.1-1',
    title: 'Clients of every SDK connect, whatever their client and version say.',
    async run(kit) {
      for (const [protocol, client, version] of VERSIONS)
        await kit.connect({ query: `protocol=${protocol}&client=${client}&version=${version}` });
    },
  },
  {
    rule: 'C1.1-2',
    title: 'Parameters of the query that nobody knows are ignored.',
    async run(kit) {
      await kit.connect({
        query: 'protocol=7&client=%F0%9F%98%80&version=x.y-z&flash=false&a=b&a=c',
      });
    },
  },
  {
    rule: 'C1.1-3',
    title: 'A connection without protocol is accepted, or refused with 4008.',
    async run(kit) {
      const client = await kit.open({ query: 'client=js' });
      const first = await client.next('a first frame');
      if (first['event'] !== 'pusher:connection_established')
        same(errorOf(first).code, 4008, 'the code of the refusal to be');
    },
  },
  {
    rule: 'C1.1-4',
    title: 'A protocol version that does not exist is refused with 4007, error first.',
    async run(kit) {
      const client = await kit.open({ query: 'protocol=99' });
      closedWith(await client.closed('pusher:error and a close with 4007'), 4007);
    },
  },
  {
    rule: 'C1.1-5',
    title: 'A protocol that is no number is refused with 4006 or 4007, error first.',
    async run(kit) {
      const client = await kit.open({ query: 'protocol=seven' });
      closedWith(await client.closed('pusher:error and a close with 4006 or 4007'), 4006, 4007);
    },
  },
  {
    rule: 'C1.1-6',
    title: 'The handshake agrees to no subprotocol and no extension that was not offered.',
    async run(kit) {
      const { wire } = await kit.connect();
      for (const name of ['sec-websocket-protocol', 'sec-websocket-extensions'])
        if (wire.responseHeaders.has(name))
          unmet(`no header ${name}`, wire.responseHeaders.get(name));
    },
  },
  {
    rule: 'C1.2-1',
    title:
      'An unknown key is refused after the upgrade: pusher:error 4001, then a close with 4001 and the same text.',
    mistakes: [33, 34, 35],
    async run(kit) {
      const key = kit.name('unknown');
      const client = await kit.open({ target: `${kit.target.wsPath}/app/${key}?protocol=7` });
      const closed = await client.closed('pusher:error and a close with 4001');
      const message = closedWith(closed, 4001);
      same(
        message,
        `App key ${key} not in this cluster. Did you forget to specify the cluster?`,
        'the text',
      );
      same(closed.reason, message, 'the reason of the close to be');
    },
  },
  {
    rule: 'C1.2-2',
    title:
      'A path that does not exist is refused after the upgrade with 4005, or like an unknown key.',
    async run(kit) {
      const client = await kit.open({
        target: `${kit.target.wsPath}/app/${kit.credentials.key}/more`,
      });
      closedWith(await client.closed('pusher:error and a close with 4005'), 4005, 4001);
    },
  },
  {
    rule: 'C1.2-3',
    title: 'The reason of a close has at most 123 bytes, however long the key was.',
    async run(kit) {
      const target = `${kit.target.wsPath}/app/${'k'.repeat(300)}?protocol=7`;
      const closed = await (await kit.open({ target })).closed('a close with 4001');
      closedWith(closed, 4001);
      ensure(closed.bytes <= 123, 'a reason of at most 123 bytes', closed.bytes);
    },
  },
  {
    rule: 'C1.3-1',
    title:
      'The first frame is pusher:connection_established, its data a string with socket_id and activity_timeout, and nothing else.',
    mistakes: [1, 30],
    async run(kit) {
      const { established } = await kit.connect();
      same(Object.keys(established).toSorted(), ['data', 'event'], 'the members');
      const { socket_id: id } = dataOf(established);
      ensure(/^\d+\.\d+$/.test(textOf(id, 'socket_id')), 'a socket_id such as 123.456', id);
    },
  },
  {
    rule: 'C1.3-2',
    title: 'activity_timeout is a whole number of seconds, from 1 to 600.',
    mistakes: [38, 39],
    async run(kit) {
      const { activity_timeout: seconds } = dataOf((await kit.connect()).established);
      const fits = Number.isInteger(seconds) && Number(seconds) > 0 && Number(seconds) <= 600;
      ensure(fits, 'whole seconds from 1 to 600', seconds);
    },
  },
  {
    rule: 'C1.3-3',
    title: 'Socket ids are unique, shorter than 25 characters, and of parts below 2^53.',
    mistakes: [30],
    async run(kit) {
      const clients = await Promise.all(
        Array.from({ length: 12 }, async (_, edge) => kit.connect({ edge })),
      );
      const ids = clients.map(({ id }) => id);
      same(new Set(ids).size, ids.length, 'different ids:');
      for (const id of ids) {
        const parts = id.split('.').map(Number);
        ensure(id.length < 25 && parts.every(Number.isSafeInteger), 'a short id of safe parts', id);
      }
    },
  },
  {
    rule: 'C1.3-4',
    title:
      'A ping that is sent before the connection is established is not fatal, and the first frame stays the first.',
    async run(kit) {
      const client = await kit.open({ firstText: frameText('pusher:ping', '') });
      await client.establish();
      await client.settle();
    },
  },
  {
    rule: 'C1.3-5',
    title: 'A reconnect has another socket_id and no subscription of the one before.',
    async run(kit) {
      const channel = kit.name();
      const first = await kit.connect();
      await first.subscribe(channel);
      first.wire.close();
      const second = await kit.connect();
      ensure(second.id !== first.id, 'another socket_id', second.id);
      await kit.api.trigger(channel, 'e', '{}');
      await second.subscribe(channel);
      await kit.marker(second, channel);
    },
  },
  {
    rule: 'C1.5-1',
    title:
      'data of pusher:error is an object, its code a whole number or null, its message a string.',
    mistakes: [2],
    async run(kit) {
      const client = await kit.connect();
      client.send('no-such-event', {});
      const frame = await client.next('pusher:error');
      errorOf(frame);
      ensure('code' in Object(frame['data']), 'a code, null where there is none', frame);
    },
  },
  {
    rule: 'C1.5-2',
    title: 'An in-band error does not close: the connection goes on as before.',
    async run(kit) {
      const client = await kit.connect();
      client.wire.sendText('{');
      await client.refused('no JSON');
      await client.subscribe(kit.name());
    },
  },
  {
    rule: 'C1.5-3',
    title: 'A clean close by the client is answered with a close.',
    async run(kit) {
      const client = await kit.connect();
      client.wire.close(1000);
      const { code } = await client.closed('a close frame');
      ensure(code === 1000 || code === 1005, 'close 1000', code);
    },
  },
];
