import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { beyondReach } from '../../packages/fanfare/src/conformance/beyond.ts';
import { features } from '../../packages/fanfare/src/conformance/case.ts';
import { allCases, topics } from '../../packages/fanfare/src/conformance/cases.ts';
import {
  channelAuth,
  hmac,
  md5,
  requestText,
  signedParams,
  userAuth,
} from '../../packages/fanfare/src/conformance/signing.ts';
import { rootFile } from '../deploy-files.ts';
import { NOT_YET } from './not-yet.ts';

/** Mistakes that section 8 of the compatibility reference numbers. */
const MISTAKES = Array.from({ length: 44 }, (_, at) => at + 1);

describe('the rules of the conformance suite', () => {
  it('[CF7] signs what Pusher published as it was published', () => {
    const vector = { appId: '3', key: '278d425bdf160c739803', secret: '7ad3773142a6692b25b8' };
    const { key, secret } = vector;
    const socket = '1234.1234';
    assert.equal(
      channelAuth(vector, socket, 'private-foobar'),
      `${key}:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4`,
    );
    const data = '{"user_id":10,"user_info":{"name":"Mr. Channels"}}';
    assert.equal(
      channelAuth(vector, socket, 'presence-foobar', data),
      `${key}:31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80`,
    );
    assert.equal(
      userAuth(vector, socket, '{"id":"12345"}'),
      `${key}:4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba`,
    );
    const auth = [
      ['auth_version', '1.0'],
      ['auth_key', key],
      ['auth_timestamp', '1353088179'],
    ] as const;
    const body = '{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}';
    assert.equal(
      hmac(secret, requestText('POST', '/apps/3/events', [...auth, ['body_md5', md5(body)]])),
      'da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c',
    );
    const query = [['info', 'user_count'], ['Filter_By_Prefix', 'presence-'], ...auth] as const;
    assert.equal(
      hmac(secret, requestText('GET', '/apps/3/channels', query)),
      '16819168891cb5dfd72b5c7a5d3d602605b26c6ba1930033b5e2eeeb65010291',
    );
    assert.equal(
      hmac(
        secret,
        '{"time_ms":1327078148132,"events":[{"name":"channel_occupied","channel":"my-channel"}]}',
      ),
      'c19001ae3963ccb13bf618e5b16ba9848e7e74df0993aa0689168e341c6833cf',
    );
    const [last] = signedParams(vector, { method: 'GET', path: '/' }).toReversed();
    assert.equal(last?.[0], 'auth_signature');
  });

  it('[CF8] stand in docs/conformance.md as they are', () => {
    const document = rootFile('docs/conformance.md');
    for (const { title, cases } of topics) {
      const [, part = ''] = document.split(`\n### ${title}\n`);
      const [table = ''] = part.split(/\n#/);
      assert.deepEqual(
        [...table.matchAll(/^\| `(C[\d.-]+)` \| (.*) \| (.*) \|$/gm)].map(([row]) => row),
        cases.map(({ rule, title: sentence, needs }) => {
          const text = sentence.replaceAll('|', '\\|');
          return `| \`${rule}\` | ${text} | ${needs === undefined ? '' : `\`${needs}\``} |`;
        }),
        `the table '${title}'; \`node --conditions=source --import tsx tools/conformance-table.mjs\` writes it`,
      );
    }
    for (const [name, text] of Object.entries(features))
      assert.ok(document.includes(`| \`${name}\` | ${text} |`), `the feature ${name}`);
    for (const [mistake, why] of beyondReach)
      assert.ok(document.includes(`| ${mistake} | ${why} |`), `the mistake ${mistake}`);
  });

  it('[CF9] have numbers of their own, and find every mistake of other servers that can be found from outside', () => {
    const rules = allCases.map(({ rule }) => rule);
    assert.deepEqual(
      rules.filter((rule, at) => rules.indexOf(rule) !== at),
      [],
      'rules that stand twice',
    );
    for (const { rule, title } of allCases) {
      assert.match(rule, /^C\d+(\.\d+)?-\d+$/);
      assert.match(title, /\.$/, rule);
    }
    const found = new Set(allCases.flatMap(({ mistakes = [] }) => mistakes));
    const missed = MISTAKES.filter((each) => !found.has(each));
    assert.deepEqual(missed, [...beyondReach.keys()]);
    for (const rule of NOT_YET) assert.ok(rules.includes(rule), `there is no rule ${rule}`);
  });
});
