import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics, type Logger } from '@fanfare/core';
import { createWebhookEvents } from '../src/index.ts';
import {
  app,
  append,
  appId,
  createOutbox,
  givenWorker,
  lane,
  listenTo,
  occupied,
} from './given.ts';
import { startReceiver } from './receiver.ts';

const REPLIES = [500, 'close', 302] as const;

/** A log whose lines are kept: fields and sentence. */
function recorder(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const write =
    (level: string) =>
    (...said: readonly unknown[]) =>
      void lines.push(`${level} ${JSON.stringify(said)}`);
  const levels = ['debug', 'info', 'warn', 'error'].map((level) => [level, write(level)]);
  return { log: Object.fromEntries(levels) as Logger, lines };
}

const sentUnsettled = (events: number): string =>
  `warn [{"events":${events},"setting":"REDIS_REPLICAS"},"no replica answers; webhooks are sent all the same, and a failover may undo them"]`;

describe('What a worker shows', () => {
  it('[WH20] counts requests by outcome, retries, events, dead letters and what waits', async () => {
    await using receiver = await startReceiver((_, index) => REPLIES[index] ?? 200);
    const registry = createMetrics('webhooks');
    const { log, lines } = recorder();
    const told = listenTo();
    const shown = createWebhookEvents(log, registry);
    const url = receiver.url
      .replace('http://', 'http://user:topsecret@')
      .concat('?token=topsecret');
    const outbox = createOutbox();
    const worker = await givenWorker({
      outbox,
      apps: [app([{ url, headers: { 'x-token': 'topsecret' } }])],
      told: { ...told, events: shown },
    });
    await append(outbox, occupied('a'), occupied('b'));
    await receiver.until(() => receiver.took.length === 2, 'the events');
    await worker.stop('drain');
    const hour = Date.now() - 3_600_000;
    shown.backlog(0, { unrouted: 1, lanes: 2, events: 3, oldestMs: hour, deadLetters: 4 });
    shown.backlog(1, { unrouted: 10, lanes: 20, events: 30, oldestMs: undefined, deadLetters: 40 });
    shown.tended({ reconciled: 5, fenced: 6, reaped: 7 });
    shown.abandoned(lane(), 8, 'status 500');
    for (let each = 0; each < 10; each += 1)
      shown.overflowed({ app: appId(), hook: 'abcdef012345', letters: 10 });
    shown.unknownApp(appId(), 9);
    shown.claimLost(lane());
    const text = await registry.metrics();
    const value = (name: string): number => {
      const line = text.split('\n').find((each) => each.startsWith(`fanfare_${name}`));
      return Number(line?.split(' ').at(-1));
    };
    assert.equal(value('webhook_requests_total{outcome="5xx"'), 1);
    assert.equal(value('webhook_requests_total{outcome="closed"'), 1);
    assert.equal(value('webhook_requests_total{outcome="3xx"'), 1);
    assert.equal(value('webhook_requests_total{outcome="2xx"'), 1);
    assert.equal(value('webhook_retries_total'), 3);
    assert.equal(value('webhook_events_delivered_total'), 2);
    assert.equal(value('webhook_request_seconds_count'), 4);
    assert.equal(value('webhook_events_waiting'), 44);
    assert.equal(value('webhook_lanes_waiting'), 22);
    assert.equal(value('webhook_dead_letters'), 44);
    assert.ok(Math.abs(value('webhook_oldest_event_seconds') - 3_600) < 10);
    assert.equal(value('state_reconciled_total'), 5);
    assert.equal(value('state_fenced_total'), 6);
    assert.equal(value('state_reaped_total'), 7);
    assert.equal(value('webhook_events_dead_total'), 108);
    assert.equal(value('webhook_events_dropped_total'), 9);
    assert.equal(value('webhook_claims_lost_total'), 1);
    assert.ok(lines.some((line) => line.includes('webhook endpoint fails')));
    assert.ok(lines.some((line) => line.includes('webhook endpoint works again')));
    assert.equal(lines.filter((line) => line.includes('too many webhook events wait')).length, 1);
    for (const line of [...lines, text]) assert.doesNotMatch(line, /topsecret/);
  });

  it('[WH28] counts what was sent unsettled, and says so once a minute', async (test) => {
    test.mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
    const registry = createMetrics('webhooks');
    const { log, lines } = recorder();
    const shown = createWebhookEvents(log, registry);
    for (let each = 0; each < 5; each += 1) shown.unsettled(3);
    assert.deepEqual(lines, [sentUnsettled(3)]);
    test.mock.timers.tick(60_000);
    shown.unsettled(1);
    assert.deepEqual(lines, [sentUnsettled(3), sentUnsettled(13)]);
    assert.match(await registry.metrics(), /^fanfare_webhook_unsettled_total\S* 16$/m);
  });

  it('[WH20] says once that the store is away, and once that it is back', () => {
    const { log, lines } = recorder();
    const shown = createWebhookEvents(log, createMetrics('webhooks'));
    shown.storeWorks();
    shown.storeFailed(new Error('away'));
    shown.storeFailed(new Error('away'));
    shown.storeWorks();
    shown.storeWorks();
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('debug')),
      [
        'error [{"err":{}},"the store does not answer; webhooks wait"]',
        'info ["the store answers again"]',
      ],
    );
  });
});
