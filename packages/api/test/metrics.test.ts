import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLogger, createMemoryAppRegistry, createMemoryLimits } from '@fanfare/core';
import { Registry } from 'prom-client';
import { createApi, createApiEvents, type ApiEvents } from '../src/index.ts';
import { assertOk, emptyCache, makeApp, NOW_SECONDS, send, sendTo, trigger } from './harness.ts';
import { memoryState } from './memory-state.ts';

function eventsOf(registry: Registry): ApiEvents {
  return createApiEvents(createLogger('api', 'silent'), registry);
}

const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, '+Inf'];

function buckets(route: string, counts: readonly number[]): readonly string[] {
  return BOUNDS.map((le, index) => `bucket{le="${le}",route="${route}"} ${counts[index]}`);
}

describe('metrics', () => {
  it('[HE11] requests are counted by the pattern of their path, never by the path', async () => {
    const registry = new Registry();
    const app = createApi({
      apps: createMemoryAppRegistry([makeApp()]),
      publisher: { up: true, publish: () => Promise.resolve() },
      cache: emptyCache,
      state: memoryState(),
      limits: createMemoryLimits(),
      events: eventsOf(registry),
      nowMs: () => NOW_SECONDS * 1000,
      newId: () => 'id',
    });
    await sendTo(app, '/apps/77/channels/secret-room');
    await sendTo(app, '/secret/path');
    assertOk(await send(app, { body: trigger({ data: '12345', channels: ['a', 'b'] }) }));
    const text = await registry.metrics();
    const requests = 'fanfare_api_requests_total';
    assert.ok(text.includes(`${requests}{route="/apps/:app/channels/:channel",status="401"} 1\n`));
    assert.ok(text.includes(`${requests}{route="unmatched",status="404"} 1\n`));
    assert.ok(text.includes(`${requests}{route="/apps/:app/events",status="200"} 1\n`));
    assert.match(text, /^fanfare_triggers_total 1$/m);
    assert.match(text, /^fanfare_events_published_total 2$/m);
    assert.match(text, /^fanfare_event_bytes_published_total 10$/m);
    assert.doesNotMatch(text, /secret|\/77/);
  });

  it('[HE11] the time of requests is a histogram for each route', async () => {
    const registry = new Registry();
    const events = eventsOf(registry);
    for (const seconds of [0, 0.0005, 0.0006, 0.1, 31]) events.answered('/a', 200, seconds);
    events.answered('/b', 200, 2);
    const text = await registry.metrics();
    const values = [...text.matchAll(/^fanfare_api_request_seconds_(.*)$/gm)].map(
      ([, line]) => line,
    );
    assert.deepEqual(values, [
      ...buckets('/a', [2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5]),
      'sum{route="/a"} 31.1011',
      'count{route="/a"} 5',
      ...buckets('/b', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]),
      'sum{route="/b"} 2',
      'count{route="/b"} 1',
    ]);
    assert.match(text, /^# TYPE fanfare_api_request_seconds histogram$/m);
  });

  it('[HE11] default labels of the process stand with them', async () => {
    const registry = new Registry();
    registry.setDefaultLabels({ role: 'api' });
    eventsOf(registry).answered('/a', 200, 1);
    const text = await registry.metrics();
    assert.match(text, /^fanfare_api_request_seconds_count\{route="\/a",role="api"\} 1$/m);
    assert.match(text, /^fanfare_api_requests_total\{route="\/a",status="200",role="api"\} 1$/m);
  });
});
