import type { Case } from '../case.ts';
import { authParams, withSignature } from './signed.ts';
import { ensure, Inapplicable, same } from '../expect.ts';
import { refusedWith, seen, succeeded, targetOf } from '../http.ts';
import type { Kit } from '../kit.ts';
import { md5 } from '../signing.ts';

function trigger(kit: Kit): string {
  return JSON.stringify({ name: 'e', channels: [kit.name()], data: '{}' });
}

export const httpReplyCases: readonly Case[] = [
  {
    rule: 'C5.2-1',
    title: 'Success is exactly 200, application/json, and a JSON object, of every endpoint.',
    mistakes: [4, 24],
    async run(kit) {
      const { api } = kit;
      const [channel, presence] = [kit.name(), kit.name('presence-')];
      succeeded(await api.tryTrigger({ name: 'e', channel, data: '' }));
      const batch = [{ channel, name: 'e', data: '' }];
      succeeded(await api.post(api.path('/batch_events'), { batch }));
      for (const rest of [`/channels`, `/channels/${channel}`, `/channels/${presence}/users`])
        succeeded(await api.get(api.path(rest)));
    },
  },
  {
    rule: 'C5.2-2',
    title: 'An error has words, ends in a newline where it is plain text, and is no HTML.',
    mistakes: [36],
    async run(kit) {
      const { api } = kit;
      for (const reply of [
        await api.tryTrigger('{'),
        await api.tryTrigger({}),
        await api.get('/nothing/here'),
        await api.send({ method: 'GET', target: api.path('/channels') }),
      ]) {
        ensure(reply.status >= 400, 'an error', seen(reply));
        ensure(reply.text.trim() !== '' && !reply.text.includes('<html'), 'words', seen(reply));
        if (reply.headers['content-type']?.startsWith('text/plain') === true)
          ensure(reply.text.endsWith('\n'), 'a newline at the end', JSON.stringify(reply.text));
      }
    },
  },
  {
    rule: 'C5.2-3',
    title: 'A body that is no JSON, or no object, is refused with 400.',
    async run(kit) {
      for (const body of ['{', 'name=e&data=x', '[]', '"text"', '7', 'null'])
        refusedWith(await kit.api.tryTrigger(body), 400);
    },
  },
  {
    rule: 'C5.2-4',
    title: 'The content type of a request does not matter.',
    async run(kit) {
      const { api } = kit;
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/json; charset=utf-8',
        undefined,
      ]) {
        const body = trigger(kit);
        const path = api.path('/events');
        const params = withSignature(kit, 'POST', path, authParams(kit, { body_md5: md5(body) }));
        const headers = type === undefined ? {} : { 'content-type': type };
        succeeded(
          await api.send({ method: 'POST', target: targetOf(path, params), headers, body }),
        );
      }
    },
  },
  {
    rule: 'C5.2-5',
    title: 'An unknown path is 404, also below an app.',
    mistakes: [36],
    async run(kit) {
      for (const path of ['/', '/apps', kit.api.path('/nothing')])
        refusedWith(await kit.api.get(path), 404);
    },
  },
  {
    rule: 'C5.2-6',
    title: 'A connection is kept for the next request.',
    async run(kit) {
      const reply = await kit.api.get(kit.api.path('/channels'));
      succeeded(reply);
      if (reply.headers.connection === undefined) return;
      ensure(
        reply.headers.connection.toLowerCase() === 'keep-alive',
        'a connection that is kept',
        reply.headers.connection,
      );
    },
  },
  {
    rule: 'C5.2-7',
    title: 'Authentication fails with 401, never with 403, which SDKs take for an exceeded quota.',
    mistakes: [37],
    async run(kit) {
      const path = kit.api.path('/events');
      const target = targetOf(path, [...authParams(kit), ['auth_signature', 'dead']]);
      const reply = await kit.api.send({ method: 'POST', target, body: '{}' });
      same(reply.status, 401, 'the status');
    },
  },
  {
    rule: 'C5.2-8',
    title: 'A GET with a body that is signed by its MD5 is answered like one without.',
    async run(kit) {
      const path = kit.api.path('/channels');
      const params = withSignature(kit, 'GET', path, authParams(kit, { body_md5: md5('{}') }));
      const reply = await kit.api.send({
        method: 'GET',
        target: targetOf(path, params),
        body: '{}',
      });
      if (reply.status === 400)
        throw new Inapplicable('bodies of GETs are refused, which no SDK minds');
      succeeded(reply);
    },
  },
];
