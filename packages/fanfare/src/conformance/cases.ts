import type { Case } from './case.ts';
import { connectionCases } from './cases/connection.ts';
import { frameCases } from './cases/frames.ts';
import { pingCases } from './cases/ping.ts';
import { privateCases } from './cases/private.ts';
import { subscribingCases } from './cases/subscribing.ts';

/** A part of the protocol and its rules, in the order of a report. */
export interface Topic {
  readonly title: string;
  readonly cases: readonly Case[];
}

export const topics: readonly Topic[] = [
  { title: 'Connecting', cases: connectionCases },
  { title: 'Pings', cases: pingCases },
  { title: 'Frames', cases: frameCases },
  { title: 'Subscribing', cases: subscribingCases },
  { title: 'Private and encrypted channels', cases: privateCases },
];

export const allCases: readonly Case[] = topics.flatMap(({ cases }) => cases);
