import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Logger } from '@fanfare/core';
import { Registry } from 'prom-client';
import { createEdgeCounters, type EdgeCounters } from '../src/counters.ts';
import { createEdgeEvents, type EdgeEvents } from '../src/events.ts';
import { succeeded } from './client.ts';
import { ControlledBus } from './controlled-bus.ts';
import { apps, authFor, startTestEdge } from './edge-under-test.ts';

describe('What an operator sees', () => {
  it('[ED9] every counter stands in the metrics with its own value', async () => {
    const { counters, metric } = setup();
    const names = Object.keys(counters) as (keyof EdgeCounters)[];
    for (const [index, name] of names.entries()) Object.assign(counters, { [name]: 1000 + index });
    const text = await metric();
    for (const [index, name] of names.entries())
      assert.equal(text.split(` ${1000 + index}\n`).length, 2, `${name} is exposed once`);
    counters.framesIn = 5;
    assert.match(await metric(), /^fanfare_frames_received_total 5$/m, 'read anew at each scrape');
  });

  it('[ED9] closes and refusals are counted by their code, and waits and defects as well', async () => {
    const { events, metric } = setup();
    await using edge = await startTestEdge({ events });
    for (const path of ['/app/nobody', '/app/nobody', '/nowhere']) {
      await using client = edge.open(path);
      await client.closedWith();
    }
    await using client = await edge.connect();
    await client.join('lobby');
    await edge.edge.stop('at-once');
    events.defect(new Error('nobody expected this'));
    const text = await metric();
    for (const line of [
      'fanfare_connections_closed_total{code="4001"} 2',
      'fanfare_connections_closed_total{code="4005"} 1',
      'fanfare_connections_closed_total{code="4200"} 1',
      'fanfare_subscribe_wait_seconds_count 1',
      'fanfare_subscribe_failures_total 0',
      'fanfare_defects_total 1',
    ])
      assert.ok(text.includes(`${line}\n`), `${line} in:\n${text}`);
  });

  it('[ED10] no secret, signature or content of a frame is logged', async () => {
    const { events, log } = setup();
    await using edge = await startTestEdge({ events });
    await using client = await edge.connect(apps.main);
    const room = 'private-room';
    const channelData = '{"content":"of the channel"}';
    const { auth } = authFor(client.id, room, { channelData });
    client.subscribe(room, { auth: 'main-key:content', channel_data: channelData });
    await client.nextError();
    await client.nextFrame();
    await client.join(room, { auth, channel_data: channelData });
    client.sendFrame({ event: 'client-e', channel: room, data: 'content' });
    client.send('content that is no frame');
    await client.nextError();
    await edge.trigger(room, { data: 'content' });
    await client.next();
    await edge.edge.stop('at-once');
    const text = JSON.stringify(log);
    assert.match(text, /closing connections/, 'something is logged at all');
    const signature = auth.slice('main-key:'.length);
    for (const hidden of ['content', signature, ...apps.main.keys.map(({ secret }) => secret)])
      assert.ok(!text.includes(hidden), `${hidden} in ${text}`);
  });

  it('[ED11] while the bus is away sockets stay, and the edge says that it is not up', async () => {
    const bus = new ControlledBus();
    const { events, log } = setup();
    await using edge = await startTestEdge({
      events,
      openBus(handlers) {
        bus.events = handlers;
        return bus;
      },
    });
    await using client = await edge.connect();
    client.subscribe('lobby');
    const asked = await bus.asked.next();
    asked.answer();
    assert.equal(await client.next(), succeeded('lobby'));
    for (const up of [false, true]) {
      bus.up = up;
      bus.events.onUp(up);
      assert.equal(edge.edge.up, up);
      assert.equal(edge.counters.busUp, up ? 1 : 0);
      await client.nothingBefore('a client hears nothing of it');
    }
    bus.deliver(asked.channel, '"after it came back"');
    assert.equal(await client.next(), '"after it came back"');
    assert.equal(log.filter(([level]) => level === 'warn').length, 1);
  });
});

type Line = readonly [level: string, ...rest: readonly unknown[]];

function setup(): {
  readonly events: EdgeEvents;
  readonly counters: EdgeCounters;
  readonly log: readonly Line[];
  readonly metric: () => Promise<string>;
} {
  const log: Line[] = [];
  const at =
    (level: string) =>
    (...rest: readonly unknown[]): void =>
      void log.push([level, ...rest]);
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const registry = new Registry();
  const counters = createEdgeCounters();
  const events = createEdgeEvents(logger as unknown as Logger, registry, counters);
  return { events, counters, log, metric: () => registry.metrics() };
}
