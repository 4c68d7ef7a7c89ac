import { readArguments, UsageError } from '../arguments.ts';
import { features, usualFeatures, type Case, type Feature } from '../conformance/case.ts';
import { allCases } from '../conformance/cases.ts';
import type { Target } from '../conformance/kit.ts';
import { unreachable } from '../conformance/reach.ts';
import { countResults, reportJson, reportText } from '../conformance/report.ts';
import { runCases } from '../conformance/run.ts';
import { openWebhookInbox } from '../conformance/webhook-inbox.ts';
import { print } from '../print.ts';
import type { Command } from './command.ts';

const options = {
  host: { type: 'string', default: '127.0.0.1' },
  'ws-host': { type: 'string' },
  'ws-port': { type: 'string', default: '3131' },
  'ws-port2': { type: 'string' },
  'ws-path': { type: 'string', default: '' },
  'api-host': { type: 'string' },
  'api-port': { type: 'string', default: '3232' },
  'app-id': { type: 'string' },
  key: { type: 'string' },
  secret: { type: 'string' },
  tls: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true },
  with: { type: 'string', multiple: true },
  without: { type: 'string', multiple: true },
  'webhook-port': { type: 'string' },
  patience: { type: 'string', default: '5' },
  concurrency: { type: 'string', default: '8' },
  list: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof readArguments<typeof options>>['values'];

export const conformanceCommand: Command = {
  help: `Usage: fanfare conformance --app-id ID --key KEY --secret SECRET [options]

Asks a server, Fanfare or any other that speaks the Pusher Channels protocol, whether it keeps
the protocol's rules, over WebSocket and HTTP alone. Prints a line for each rule and, at the
end, \`N rules, N passed, N failed, N skipped\`. The exit code is 0 when none failed, 1 when
some did, and 2 when the server cannot be reached or the command line is wrong.

Where the server is:
  --host HOST            of both sides (default 127.0.0.1)
  --ws-host, --api-host  of one side, where they differ
  --ws-port PORT         of its WebSockets (default 3131)
  --ws-port2 PORT        of a second node of the cluster, for cases of two connections
  --ws-path PATH         what stands before /app/{key}
  --api-port PORT        of its HTTP API (default 3232)
  --tls                  wss and https, whatever the certificate

What to ask:
  --only RULE            rules that begin with this, such as C2 or C2.4-1; may be repeated
  --with FEATURE,…       what the server has on: ${optional().join(', ')}
  --without FEATURE,…    what it has off: ${usualFeatures.join(', ')}
  --webhook-port PORT    where we listen for webhooks, which the server has to post there
  --patience SECONDS     how long anything that has to come may take (default 5)
  --concurrency N        rules asked at a time (default 8)

What to print:
  --list                 the rules, without asking any
  --json                 the results as JSON`,
  async run(argv) {
    const { values } = readArguments(argv, options, { min: 0, max: 0 });
    const cases = chosen(values.only);
    if (values.list) {
      print(cases.map(({ rule, title }) => `${rule.padEnd(8)}${title}`).join('\n'));
      return;
    }
    const target = targetOf(values);
    const why = await unreachable(target);
    if (why !== undefined) throw new UsageError(why);
    const port = values['webhook-port'];
    await using webhooks =
      port === undefined
        ? undefined
        : await openWebhookInbox(wholeNumber('webhook-port', port, 65_535));
    const concurrency = wholeNumber('concurrency', values.concurrency, 64);
    const results = await runCases(cases, target, { concurrency, ...(webhooks && { webhooks }) });
    print(values.json ? reportJson(results) : reportText(results));
    if (countResults(results).failed > 0) process.exitCode = 1;
  },
};

function chosen(only: readonly string[] | undefined): readonly Case[] {
  if (only === undefined) return allCases;
  for (const prefix of only)
    if (!allCases.some(({ rule }) => matches(rule, prefix)))
      throw new UsageError(`--only: there is no rule '${prefix}'; --list shows all`);
  return allCases.filter(({ rule }) => only.some((prefix) => matches(rule, prefix)));
}

/** `C2` is all of section 2, `C2.1` not `C2.10`, `C2.1-1` not `C2.1-10`. */
function matches(rule: string, prefix: string): boolean {
  return rule.startsWith(prefix) && !/^\d/.test(rule.slice(prefix.length));
}

function targetOf(values: Values): Target {
  const { 'app-id': appId, key, secret, tls } = values;
  if (appId === undefined || key === undefined || secret === undefined)
    throw new UsageError('expected --app-id, --key and --secret');
  const wsHost = values['ws-host'] ?? values.host;
  const port = (name: 'ws-port' | 'api-port' | 'ws-port2', text: string): number =>
    wholeNumber(name, text, 65_535);
  const second = values['ws-port2'];
  const edge = (at: number) => ({ host: wsHost, port: at, tls });
  return {
    credentials: { appId, key, secret },
    edges: [
      edge(port('ws-port', values['ws-port'])),
      ...(second === undefined ? [] : [edge(port('ws-port2', second))]),
    ],
    api: {
      host: values['api-host'] ?? values.host,
      port: port('api-port', values['api-port']),
      tls,
    },
    wsPath: values['ws-path'].replace(/\/+$/, ''),
    features: featuresOf(values),
    patienceMs: 1_000 * wholeNumber('patience', values.patience, 600),
  };
}

function featuresOf(values: Values): ReadonlySet<Feature> {
  const on = new Set<Feature>(usualFeatures);
  for (const feature of named('with', values.with)) on.add(feature);
  for (const feature of named('without', values.without)) on.delete(feature);
  if (values['webhook-port'] !== undefined) on.add('webhooks');
  return on;
}

function named(option: string, given: readonly string[] = []): readonly Feature[] {
  return given
    .flatMap((text) => text.split(','))
    .map((name) => {
      if (isFeature(name)) return name;
      const known = Object.keys(features).join(', ');
      throw new UsageError(`--${option}: there is no feature '${name}'; expected some of ${known}`);
    });
}

function isFeature(name: string): name is Feature {
  return Object.hasOwn(features, name);
}

function optional(): readonly string[] {
  return Object.keys(features).filter(
    (name) => name !== 'webhooks' && !usualFeatures.some((usual) => usual === name),
  );
}

function wholeNumber(option: string, text: string, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= max) return number;
  throw new UsageError(`--${option}: expected a whole number from 1 to ${max}, got '${text}'`);
}
