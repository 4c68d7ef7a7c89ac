import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Appended } from '../ports/outbox.ts';
import { stateTiming } from '../state/timing.ts';
import { app, clientEvent, Desk } from './desk.ts';
import { lobby, room, StateStory, type OpenState } from './state-story.ts';

/** The place of client events among what comes and goes. The rules are in this package's SPEC.md. */
export function appendContract(implementation: string, openState: OpenState): void {
  describe(`Append contract: ${implementation}`, () => {
    it('[CO4] an event is taken while the app believes its channel and member to be up, and else is early', async () => {
      await using story = await StateStory.open(openState);
      const edge = story.edge('one');
      const amid = [
        { kind: 'channel', channel: room },
        { kind: 'member', channel: room, user: 'ann' },
      ] as const;
      const append = async (): Promise<Appended> =>
        story.state.append(story.state.partitionOf(room), app, clientEvent(1), amid);
      assert.equal(await append(), 'early', 'nobody is there');
      await edge.says(room, 1);
      await edge.join(room, 'ann');
      assert.equal(await append(), 'early', 'a new store announces nothing');
      await story.pass(stateTiming.graceMs);
      assert.equal(await append(), 'taken');
      await edge.saysMember(room, 'ann', 0);
      assert.equal(await append(), 'taken', 'the app still believes it');
      await story.pass(stateTiming.downDelayMs);
      assert.equal(await append(), 'early', 'the member is gone');
      await edge.join(room, 'ann');
      assert.equal(await append(), 'taken');
      await edge.says(room, 0);
      await story.pass(stateTiming.downDelayMs + 500);
      assert.equal(await append(), 'early', 'the channel is gone');
      const names = (await story.takeEvents(room)).map(({ event }) => event.name);
      assert.deepEqual(names, [
        'channel_occupied',
        'member_added',
        'client_event',
        'client_event',
        'member_removed',
        'member_added',
        'client_event',
        'channel_vacated',
      ]);
    });

    it('[CO4] what nobody wants to hear of holds no event back, nor does what is not asked for', async () => {
      await using story = await StateStory.openLater(openState);
      const desk = new Desk(story);
      const amid = [{ kind: 'channel', channel: lobby }] as const;
      const append = async (): Promise<Appended> =>
        story.state.append(desk.partition, app, clientEvent(1), amid);
      assert.equal(await append(), 'early');
      await story.edge('one').says(lobby, 1, { told: false });
      assert.equal(await append(), 'taken');
      await desk.append(1);
    });

    it('[CO4] a full outbox takes no event, however early it is', async () => {
      await using story = await StateStory.openLater(openState, { unroutedEvents: 1 });
      const desk = new Desk(story);
      await desk.append(1);
      await story.edge('one').says(lobby, 1);
      const amid = [{ kind: 'channel', channel: lobby }] as const;
      const append = async (): Promise<Appended> =>
        story.state.append(desk.partition, app, clientEvent(1), amid);
      assert.equal(await append(), 'full');
      await story.takeEvents(lobby);
      assert.equal(await append(), 'early', 'the channel waits to be told');
    });
  });
}
