import { setImmediate as turn } from 'node:timers/promises';
import type { Chance } from '../support/seeded.ts';
import type { FuzzApp } from './apps.ts';
import { Caller } from './calls.ts';
import { frameText, largeSignin, type Speaker } from './frames.ts';
import { Judge, type Findings } from './judge.ts';
import { frameOf, OPCODES, Peer } from './peer.ts';
import { anything, damagedBytes } from './words.ts';

/** What is attacked. */
export interface Target {
  readonly edges: readonly number[];
  readonly api: number;
}

/** How much was done, so that a run that did nothing is seen. */
export interface Tally {
  lives: number;
  frames: number;
  heard: number;
  /** Sockets that were closed because they did not read, and those that stayed. */
  slow: number;
  held: number;
  /** Of the server's frames, by their events; anything that clients may name is 'event'. */
  readonly events: Map<string, number>;
  readonly statuses: Map<number, number>;
  /** Codes with which the server closed sockets. */
  readonly closes: Map<number, number>;
}

export function newTally(): Tally {
  return {
    lives: 0,
    frames: 0,
    heard: 0,
    slow: 0,
    held: 0,
    events: new Map(),
    statuses: new Map(),
    closes: new Map(),
  };
}

/** For a diagnostic. */
export function told(tally: Tally): string {
  const { lives, frames, heard, slow, held, events, statuses, closes } = tally;
  const lists = `heard: ${list(events)}; answers: ${list(statuses)}; closes: ${list(closes)}`;
  return `${lives} sockets, ${slow} closed and ${held} held as slow, ${frames} acts, ${heard} frames ${lists}`;
}

function list(counts: ReadonlyMap<unknown, number>): string {
  return [...counts].map(([name, times]) => `${String(name)} ${times}`).join(', ');
}

export interface Attack {
  readonly target: Target;
  readonly app: FuzzApp;
  readonly chance: Chance;
  readonly findings: Findings;
  readonly tally: Tally;
  readonly lives: number;
  readonly actions: number;
  /** Changes something else, now and then. */
  readonly disturb?: (chance: Chance) => void;
}

/** One attacker: one socket after the other, and calls in between. Nothing of it is open afterwards. */
export async function attack(plan: Attack): Promise<void> {
  const { target, chance, findings, tally } = plan;
  using caller = new Caller(target.api, findings, tally.statuses);
  // Some sockets are forgotten and stay until the end, saying nothing.
  const forgotten: Peer[] = [];
  for (let life = 0; life < plan.lives; life += 1) {
    const peer = await live(plan, caller);
    if (chance.below(5) === 0) forgotten.push(peer);
    else await end(peer, chance);
    if (peer.closeCode !== undefined) count(tally.closes, peer.closeCode);
  }
  for (const peer of forgotten) await peer.destroy();
}

async function live(plan: Attack, caller: Caller): Promise<Peer> {
  const { target, app, chance, findings, tally } = plan;
  const judge = new Judge(app, findings);
  const said: string[] = [];
  const peer = await Peer.open(chance.of(target.edges), pathOf(app, chance), {
    onFrame(text) {
      tally.heard += 1;
      count(tally.events, eventOf(text));
      judge.onFrame(text);
    },
    onBroken: (what) => findings.add(`${what}, after ${said.join('\n')}`),
  });
  tally.lives += 1;
  const speaker: Speaker = { app, id: peer.id === '' ? '1.1' : peer.id, chance, judge };
  const isRude = chance.below(3) === 0;
  peer.isMute = chance.below(3) === 0;
  for (let action = 0; action < plan.actions && peer.isOpen; action += 1) {
    tally.frames += 1;
    act(peer, speaker, isRude);
    if (chance.below(25) === 0) plan.disturb?.(chance);
    if (chance.below(8) === 0) await caller.call(judge, speaker.id, chance);
    if (chance.below(6) === 0)
      await peer.heard().catch((error: unknown) => findings.add(String(error)));
    else if (chance.below(3) === 0) await turn();
  }
  return peer;
}

/** An app's own path, mostly. */
function pathOf({ key }: FuzzApp, chance: Chance): string {
  if (chance.below(20) > 0) return `/app/${key}?protocol=7&client=js&version=8.6.0`;
  return chance.of([
    '/app/x',
    `/app/${key}?protocol=3`,
    `/app/${key}?protocol=x`,
    '/',
    `/app/${'k'.repeat(500)}`,
    '/app/%ff',
  ]);
}

/** What ends most sockets is left to those who are rude. */
function act(peer: Peer, speaker: Speaker, isRude: boolean): void {
  const { chance } = speaker;
  const kind = chance.below(isRude ? 100 : 92);
  const mask = chance.below(2) === 0 ? chance.bytes(4) : Buffer.alloc(4);
  const { binary, ping, pong, text } = OPCODES;
  if (kind < 70) peer.write(frameOf(frameText(speaker), { mask }));
  else if (kind < 78) for (const part of fragments(speaker)) peer.write(part);
  else if (kind < 82) peer.write(frameOf(chance.bytes(chance.below(126)), { opcode: ping, mask }));
  else if (kind < 84) peer.write(frameOf(chance.bytes(chance.below(100)), { opcode: binary }));
  else if (kind < 86) flood(peer, speaker);
  else if (kind < 88) peer.write(frameOf('', { opcode: chance.of([text, pong]) }));
  else if (kind < 92) peer.write(frameOf(JSON.stringify(anything(chance))));
  else if (kind < 93) drown(peer, speaker);
  else if (kind < 94) peer.socket.pause();
  else if (kind < 96) peer.socket.resume();
  else {
    peer.isRuined = true;
    peer.write(broken(speaker));
  }
}

/** One message in several frames, with others between, for some of which it is not the time. */
function fragments(speaker: Speaker): readonly Buffer[] {
  const { chance } = speaker;
  const bytes = Buffer.from(frameText(speaker));
  const parts = 2 + chance.below(4);
  return Array.from({ length: parts }, (_, at) => {
    const part = bytes.subarray((at * bytes.length) / parts, ((at + 1) * bytes.length) / parts);
    const frame = frameOf(part, {
      opcode: at === 0 ? OPCODES.text : OPCODES.more,
      final: at === parts - 1,
    });
    return chance.below(3) === 0
      ? Buffer.concat([frame, frameOf('between', { opcode: OPCODES.ping })])
      : frame;
  });
}

/** Many at once, in one write: the same frame, or each another. */
function flood(peer: Peer, speaker: Speaker): void {
  const { chance } = speaker;
  const length = 20 + chance.below(chance.below(6) === 0 ? 2_500 : 100);
  const same = frameOf(frameText(speaker));
  const isSame = same.length < 2_000 && chance.below(2) === 0;
  const frames = isSame
    ? Array.from({ length }, () => same)
    : Array.from({ length: Math.min(length, 60) }, () => frameOf(frameText(speaker)));
  peer.write(Buffer.concat(frames));
}

/** Asks for more than the system takes for a socket that does not read, so that the edge has to hold it or let it go. */
function drown(peer: Peer, speaker: Speaker): void {
  peer.socket.pause();
  const frame = frameOf(largeSignin(speaker));
  peer.write(Buffer.concat(Array.from({ length: ANSWERS }, () => frame)));
}

/** Each of them is answered with four kilobytes. */
const ANSWERS = 1_500;

/** What no client may send. */
function broken(speaker: Speaker): Buffer {
  const { chance } = speaker;
  const text = frameText(speaker);
  const whole = frameOf(text, { mask: chance.bytes(4) });
  switch (chance.below(9)) {
    case 0:
      return whole.subarray(0, chance.below(whole.length));
    case 1:
      return frameOf(Buffer.from('{"event":"pusher:ping\xff\xc3"}', 'latin1'));
    case 2:
      return frameOf('x'.repeat(chance.of([65_537, 262_143, 262_144, 262_145, 400_000])));
    case 3:
      return frameOf('x'.repeat(126 + chance.below(200)), {
        opcode: chance.of([OPCODES.ping, OPCODES.close]),
      });
    case 4:
      return frameOf(text, { opcode: chance.of([3, 4, 7, 11, 15]) });
    case 5:
      return frameOf(closing(chance), { opcode: OPCODES.close });
    case 6:
      // Not masked.
      return Buffer.concat([Buffer.from([0x81, 5]), Buffer.from('hello')]);
    case 7:
      return Buffer.concat([Buffer.from([0x81, 0xff]), chance.bytes(12)]);
    default:
      return damagedBytes(whole, chance);
  }
}

function closing(chance: Chance): Buffer {
  const reason = chance.of(['', 'bye', 'x'.repeat(123), '\ufeff']);
  const code = Buffer.alloc(2);
  code.writeUInt16BE(chance.of([0, 999, 1000, 1001, 1005, 1006, 1015, 3000, 4200, 65_535]));
  return chance.of([
    Buffer.alloc(0),
    Buffer.from([3]),
    Buffer.concat([code, Buffer.from(reason)]),
    Buffer.concat([code, Buffer.from([0xff])]),
  ]);
}

async function end(peer: Peer, chance: Chance): Promise<void> {
  switch (chance.below(4)) {
    case 0:
      return peer.destroy();
    case 1:
      return peer.reset();
    case 2:
      peer.write(frameOf(Buffer.from([3, 232]), { opcode: OPCODES.close }));
      return peer.halfClose();
    default:
      return peer.halfClose();
  }
}

function count<Name>(counts: Map<Name, number>, name: Name): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function eventOf(text: string): string {
  return /^\{"event":"(pusher(?:_internal)?:[a-z_]+)"/.exec(text)?.[1] ?? 'event';
}
