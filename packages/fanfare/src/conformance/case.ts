import type { Kit } from './kit.ts';

/** What a server may have switched off, or what a case needs beside the server. */
export const features = {
  'client-events': 'clients may send client events',
  'subscription-count': 'subscribers are told how many they are',
  watchlist: 'watchlist events are sent',
  'authorized-connections': 'a connection that neither signs in nor subscribes with auth is closed',
  slow: 'cases that wait for minutes',
  webhooks: 'the server posts webhooks to the address of --webhook-port',
} as const;

export type Feature = keyof typeof features;

/** On unless `--without`; the others are on by `--with`, and webhooks by `--webhook-port`. */
export const usualFeatures: readonly Feature[] = ['client-events'];

/** One rule of the protocol and how to see whether a server keeps it. */
export interface Case {
  /** `C`, the section of the compatibility reference, and a number: `C2.3-4`. */
  readonly rule: string;
  /** One sentence that is true of a server which keeps the rule. */
  readonly title: string;
  readonly needs?: Feature;
  /** Which of the 44 mistakes other servers make (section 8 of the reference) it would find. */
  readonly mistakes?: readonly number[];
  /** How long it may take where the usual is too short. */
  readonly limitMs?: number;
  /** Throws an Unmet when the rule is broken. */
  run(kit: Kit): Promise<void>;
}
