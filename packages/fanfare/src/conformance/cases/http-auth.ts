import type { Case } from '../case.ts';
import { authParams, now, withSignature } from './signed.ts';
import { ensure, same } from '../expect.ts';
import { refusedWith, type Reply, succeeded, targetOf } from '../http.ts';
import type { Kit } from '../kit.ts';
import { hmac, md5, type Params, requestText } from '../signing.ts';

/** A GET of the list of channels, well signed over whatever its parameters are. */
async function get(kit: Kit, params: Params): Promise<Reply> {
  const path = kit.api.path('/channels');
  const target = targetOf(path, withSignature(kit, 'GET', path, params));
  return kit.api.send({ method: 'GET', target });
}

async function post(kit: Kit, body: string, params: Params): Promise<Reply> {
  const path = kit.api.path('/events');
  const target = targetOf(path, withSignature(kit, 'POST', path, params));
  return kit.api.send({ method: 'POST', target, body });
}

function trigger(kit: Kit): string {
  return JSON.stringify({ name: 'e', channels: [kit.name()], data: '{}' });
}

export const httpAuthCases: readonly Case[] = [
  {
    rule: 'C5.1-1',
    title: 'Each missing parameter of the signature is refused with 401 and words.',
    mistakes: [14],
    async run(kit) {
      for (const name of ['auth_key', 'auth_timestamp', 'auth_version'])
        refusedWith(await get(kit, authParams(kit, { [name]: undefined })), 401);
      const path = kit.api.path('/channels');
      const unsigned = targetOf(path, authParams(kit));
      refusedWith(await kit.api.send({ method: 'GET', target: unsigned }), 401);
      refusedWith(await kit.api.send({ method: 'GET', target: path }), 401);
    },
  },
  {
    rule: 'C5.1-2',
    title: 'An unknown key is refused with 401, or 400 as hosted Pusher once did.',
    mistakes: [37],
    async run(kit) {
      refusedWith(await get(kit, authParams(kit, { auth_key: 'nobody' })), 401, 400);
    },
  },
  {
    rule: 'C5.1-3',
    title: 'Another version than 1.0 is refused with 401.',
    async run(kit) {
      refusedWith(await get(kit, authParams(kit, { auth_version: '2.0' })), 401);
    },
  },
  {
    rule: 'C5.1-4',
    title:
      'A timestamp more than 600 s off is refused with 401, one of 590 s is accepted, both into past and future.',
    mistakes: [14],
    async run(kit) {
      for (const sign of [-1, 1]) {
        succeeded(await get(kit, authParams(kit, { auth_timestamp: now(sign * 590) })));
        refusedWith(await get(kit, authParams(kit, { auth_timestamp: now(sign * 610) })), 401);
      }
      for (const odd of ['', 'x', '1e9', '-1', now().concat('000')])
        refusedWith(await get(kit, authParams(kit, { auth_timestamp: odd })), 401);
    },
  },
  {
    rule: 'C5.1-5',
    title:
      'A wrong signature is refused with 401, names the string that was to be signed, and not the right signature.',
    async run(kit) {
      const path = kit.api.path('/channels');
      const params = authParams(kit);
      const right = hmac(kit.credentials.secret, requestText('GET', path, params));
      for (const wrong of ['dead', right.toUpperCase(), `${right}0`, '']) {
        const target = targetOf(path, [...params, ['auth_signature', wrong]]);
        const text = refusedWith(await kit.api.send({ method: 'GET', target }), 401);
        if (wrong === '') continue;
        ensure(
          text.startsWith('Invalid signature: you should have sent HmacSHA256Hex("GET\\n'),
          'the text of hosted Pusher',
          text,
        );
        ensure(wrong.startsWith(right) || !text.includes(right), 'not the right signature', text);
      }
    },
  },
  {
    rule: 'C5.1-6',
    title: 'A body needs its MD5, and the right one; else 401.',
    async run(kit) {
      const body = trigger(kit);
      refusedWith(await post(kit, body, authParams(kit)), 401);
      for (const wrong of [md5(`${body} `), md5(body).toUpperCase(), 'x', ''])
        refusedWith(await post(kit, body, authParams(kit, { body_md5: wrong })), 401);
      succeeded(await post(kit, body, authParams(kit, { body_md5: md5(body) })));
    },
  },
  {
    rule: 'C5.1-7',
    title: 'body_md5 of a GET is signed like every parameter.',
    mistakes: [13],
    async run(kit) {
      succeeded(await get(kit, authParams(kit, { body_md5: md5('') })));
    },
  },
  {
    rule: 'C5.1-8',
    title:
      'Parameters may come in any order and in upper case; names are lower-cased and sorted before they are signed.',
    mistakes: [13],
    async run(kit) {
      const path = kit.api.path('/channels');
      const params: Params = [['Filter_By_Prefix', 'presence-'], ...authParams(kit), ['INFO', '']];
      const signed = withSignature(kit, 'GET', path, params);
      succeeded(await kit.api.send({ method: 'GET', target: targetOf(path, signed.toReversed()) }));
    },
  },
  {
    rule: 'C5.1-9',
    title: 'Values are signed as they are, however they are encoded in the URL.',
    mistakes: [13],
    async run(kit) {
      const path = kit.api.path('/channels');
      const params: Params = [
        ...authParams(kit),
        ['filter_by_prefix', 'presence-a,b;c=@'],
        ['info', 'user_count,subscription_count'],
      ];
      const signed = withSignature(kit, 'GET', path, params);
      const raw = signed.map(([name, value]) => `${name}=${value}`).join('&');
      const odd = signed
        .map(
          ([name, value]) =>
            `${name}=${value.replaceAll(/[a-c,_-]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)}`,
        )
        .join('&');
      for (const target of [targetOf(path, signed), `${path}?${raw}`, `${path}?${odd}`])
        succeeded(await kit.api.send({ method: 'GET', target }));
    },
  },
  {
    rule: 'C5.1-10',
    title:
      'What was not signed is refused: another method, another path, a parameter added or changed.',
    async run(kit) {
      const path = kit.api.path('/channels');
      const params = authParams(kit);
      const over = (method: string, of: string, signed: Params): string =>
        hmac(kit.credentials.secret, requestText(method, of, signed));
      for (const [target, signature] of [
        [path, over('POST', path, params)],
        [path, over('GET', `${path}/x`, params)],
        [path, over('GET', path, [...params, ['info', '']])],
      ] as const)
        refusedWith(
          await kit.api.send({
            method: 'GET',
            target: targetOf(target, [...params, ['auth_signature', signature]]),
          }),
          401,
        );
      const signed = withSignature(kit, 'GET', path, params);
      const more = targetOf(path, [...signed, ['filter_by_prefix', 'a']]);
      refusedWith(await kit.api.send({ method: 'GET', target: more }), 401);
    },
  },
  {
    rule: 'C5.1-11',
    title: "Another app's path is refused with 401, 403 or 404, though the key is good.",
    async run(kit) {
      const path = `/apps/${kit.credentials.appId}9/channels`;
      refusedWith(await kit.api.get(path), 401, 403, 404);
    },
  },
  {
    rule: 'C5.1-12',
    title: 'A path is signed decoded, and also accepted as it was sent.',
    mistakes: [13],
    async run(kit) {
      const channel = kit.name('a@b;c,d=');
      const sent = kit.api.path(`/channels/${encodeURIComponent(channel)}`);
      for (const path of [kit.api.path(`/channels/${channel}`), sent]) {
        const params = withSignature(kit, 'GET', path, authParams(kit));
        same(succeeded(await kit.api.send({ method: 'GET', target: targetOf(sent, params) })), {
          occupied: false,
        });
      }
    },
  },
  {
    rule: 'C5.1-13',
    title: 'The same request is accepted again within its time; there is no state of signatures.',
    async run(kit) {
      const params = authParams(kit, { auth_timestamp: now(-5) });
      for (let round = 0; round < 3; round += 1) succeeded(await get(kit, params));
    },
  },
];
