import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { allCases } from '../../packages/fanfare/src/conformance/cases.ts';
import { startCluster } from '../cluster.ts';
import { runFanfare, startFanfare } from '../fanfare.ts';
import { freePort } from '../support/free-port.ts';
import { APP_SETTINGS, FEATURES, NOT_YET } from './not-yet.ts';
import { startModel } from './model-server.ts';

interface Outcome {
  readonly rule: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly detail: string;
}

const app = { appId: '1001', key: 'conformance-key', secret: 'conformance-secret' };

function argumentsFor(
  ports: { readonly ws: number; readonly api: number },
  { appId, key, secret }: typeof app = app,
): readonly string[] {
  return [
    'conformance',
    '--app-id',
    appId,
    '--key',
    key,
    '--secret',
    secret,
    '--ws-port',
    String(ports.ws),
    '--api-port',
    String(ports.api),
  ];
}

function at(port: number): readonly string[] {
  return argumentsFor({ ws: port, api: port });
}

/** Runs the whole suite and holds what failed against what is known to be missing. */
async function judge(argv: readonly string[]): Promise<void> {
  const features = FEATURES.length === 0 ? [] : ['--with', FEATURES.join(',')];
  const { stdout, text } = await runFanfare([...argv, ...features, '--json']);
  assert.match(stdout, /^\{/, text);
  const { rules } = JSON.parse(stdout) as { readonly rules: readonly Outcome[] };
  assert.equal(rules.length, allCases.length);
  const skipped = rules.filter(({ outcome }) => outcome === 'skipped');
  assert.deepEqual(
    skipped.filter(({ rule }) => NOT_YET.includes(rule)),
    [],
    'rules of NOT_YET that were not even asked',
  );
  const unexpected = rules
    .filter(({ rule, outcome }) => (outcome === 'failed') !== NOT_YET.includes(rule))
    .filter(({ outcome }) => outcome !== 'skipped')
    .map(({ rule, outcome, detail }) => `${rule} ${outcome} ${detail}`);
  assert.deepEqual(unexpected, [], 'rules that failed, and rules of NOT_YET that passed');
}

/** Of the app under test: what is switched on, and where its webhooks go. */
function settings(hooks: number): Readonly<Record<string, unknown>> {
  return { ...APP_SETTINGS, webhooks: [{ url: `http://127.0.0.1:${hooks}/` }] };
}

describe('fanfare conformance against Fanfare', () => {
  it('[CF1] passes on one process without Redis, webhooks included', async () => {
    const [ws, api, ops, hooks] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const folder = await mkdtemp(join(tmpdir(), 'fanfare-conformance-'));
    after(() => rm(folder, { recursive: true }));
    const { appId: id, key, secret } = app;
    const file = join(folder, 'apps.json');
    const entry = { id, keys: [{ key, secret }], ...settings(hooks) };
    await writeFile(file, JSON.stringify({ apps: [entry] }));
    await using fanfare = startFanfare(['start'], {
      env: {
        APPS_FILE: file,
        EDGE_PORT: String(ws),
        API_PORT: String(api),
        OPS_PORT: String(ops),
      },
    });
    await fanfare.says(/"msg":"started"/);
    const started = performance.now();
    await judge([...argumentsFor({ ws, api }), '--webhook-port', String(hooks)]);
    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds < 20, `the suite took ${seconds} s`);
  });

  it('[CF2] passes on two edges, an API node and a webhook worker that Redis joins', async () => {
    const hooks = await freePort();
    await using cluster = await startCluster({
      edges: 2,
      apis: 1,
      workers: 1,
      app: settings(hooks),
    });
    const { id: appId, key, secret } = cluster.app;
    const [first, second] = cluster.edges.map(({ port }) => port);
    const api = cluster.apis[0]?.port ?? 0;
    await judge([
      ...argumentsFor({ ws: first ?? 0, api }, { appId, key, secret }),
      '--ws-port2',
      String(second),
      '--webhook-port',
      String(hooks),
      // A store that begins empty announces nothing for six seconds.
      '--patience',
      '15',
    ]);
  });
});

describe('the command fanfare conformance', async () => {
  const model = await startModel(app);
  const wrong = await startModel(app, { frame: (frame) => ({ ...frame, data: {} }) });
  after(async () => {
    await model[Symbol.asyncDispose]();
    await wrong[Symbol.asyncDispose]();
  });
  it('[CF3] prints a line for each rule, what came for one that is broken, and the sum last', async () => {
    const good = await runFanfare([...at(model.port), '--only', 'C2.4-1', '--only', 'C4.3']);
    assert.equal(good.code, 0, good.text);
    const [first = '', ...rest] = good.stdout.trimEnd().split('\n');
    assert.match(first, /^pass {2}C2\.4-1 +subscription_succeeded .+\.$/);
    assert.match(rest.join('\n'), /^skip {2}C4\.3-1 .+\n +needs watchlist/m);
    assert.equal(rest.at(-1), '4 rules, 1 passed, 0 failed, 3 skipped');
    const bad = await runFanfare([...at(wrong.port), '--only', 'C2.4-1']);
    assert.equal(bad.code, 1, bad.text);
    assert.match(
      bad.stdout,
      /^FAIL {2}C2\.4-1 .+\n +expected .+, got .+\n\n1 rules, 0 passed, 1 failed, 0 skipped\n$/,
    );
    const json = await runFanfare([...at(wrong.port), '--only', 'C2.4-1', '--json']);
    assert.equal(json.code, 1, json.text);
    const { failed, rules } = JSON.parse(json.stdout) as {
      readonly failed: number;
      readonly rules: readonly Outcome[];
    };
    assert.deepEqual([failed, rules.length, rules[0]?.outcome], [1, 1, 'failed']);
  });

  it('[CF5] answers a server that is not there, or that is not the one meant, with one sentence and exit code 2', async () => {
    const nobody = await freePort();
    for (const [argv, sentence] of [
      [argumentsFor({ ws: nobody, api: model.port }), /cannot reach ws:\/\/127\.0\.0\.1:\d+: .+/],
      [argumentsFor({ ws: model.port, api: nobody }), /cannot reach http:\/\/127\.0\.0\.1:\d+: .+/],
      [
        argumentsFor({ ws: model.port, api: model.port }, { ...app, key: 'other' }),
        /does not know the key 'other'/,
      ],
      [
        argumentsFor({ ws: model.port, api: model.port }, { ...app, secret: 'other' }),
        /answered 401: Invalid signature; are --app-id, --key and --secret those of the server\?/,
      ],
    ] as const) {
      const { code, stdout, stderr } = await runFanfare(argv);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.match(stderr, sentence);
      assert.equal(stderr.trimEnd().split('\n').length, 2, stderr);
    }
  });

  it('[CF6] answers wrong arguments with what is wrong and exit code 2, and lists its rules', async () => {
    for (const [argv, text] of [
      [['--app-id', '1'], /expected --app-id, --key and --secret/],
      [['--only', 'C99'], /there is no rule 'C99'/],
      [[...at(1).slice(1), '--with', 'magic'], /there is no feature 'magic'; expected some of/],
      [[...at(1).slice(1), '--ws-port2', 'x'], /--ws-port2: expected a whole number/],
      [['--nothing'], /Unknown option/],
    ] as const) {
      const { code, stderr } = await runFanfare(['conformance', ...argv]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, text);
    }
    const { code, stdout } = await runFanfare(['conformance', '--list']);
    assert.equal(code, 0);
    assert.equal(stdout.trimEnd().split('\n').length, allCases.length);
  });
});
