import type { Case } from './case.ts';
import { cacheCases, subscriptionCountCases } from './cases/cache.ts';
import { clientEventCases } from './cases/client-events.ts';
import { connectionCases } from './cases/connection.ts';
import { batchCases } from './cases/batches.ts';
import { eventRefusalCases } from './cases/event-refusals.ts';
import { eventCases } from './cases/events.ts';
import { frameCases } from './cases/frames.ts';
import { goldenCases } from './cases/golden.ts';
import { httpAuthCases } from './cases/http-auth.ts';
import { httpReplyCases } from './cases/http-replies.ts';
import { pingCases } from './cases/ping.ts';
import { presenceRefusalCases } from './cases/presence-refusals.ts';
import { presenceCases } from './cases/presence.ts';
import { privateCases } from './cases/private.ts';
import { queryCases } from './cases/queries.ts';
import { otherClientSdkCases } from './cases/sdk-clients-other.ts';
import { clientSdkCases } from './cases/sdk-clients.ts';
import { typedServerSdkCases } from './cases/sdk-servers-typed.ts';
import { serverSdkCases } from './cases/sdk-servers.ts';
import { subscribingCases } from './cases/subscribing.ts';
import { userConnectionCases } from './cases/user-connections.ts';
import { userCases } from './cases/users.ts';
import { webhookCases } from './cases/webhooks.ts';

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
  { title: 'Presence channels', cases: [...presenceCases, ...presenceRefusalCases] },
  { title: 'Client events', cases: clientEventCases },
  { title: 'Users', cases: [...userCases, ...userConnectionCases] },
  { title: 'Cache channels', cases: cacheCases },
  { title: 'Subscription count', cases: subscriptionCountCases },
  { title: 'Signed requests', cases: httpAuthCases },
  { title: 'Answers of the API', cases: httpReplyCases },
  { title: 'Triggers', cases: [...eventCases, ...eventRefusalCases] },
  { title: 'Batches', cases: batchCases },
  { title: 'Queries', cases: queryCases },
  { title: 'Webhooks', cases: webhookCases },
  { title: 'What client SDKs send and expect', cases: [...clientSdkCases, ...otherClientSdkCases] },
  { title: 'What server SDKs send and expect', cases: [...serverSdkCases, ...typedServerSdkCases] },
  { title: 'Whole conversations', cases: goldenCases },
];

export const allCases: readonly Case[] = topics.flatMap(({ cases }) => cases);
