import { after } from 'node:test';
import { busContract } from '@fanfare/core/contract';
import { openRedisBus } from '../src/index.ts';
import { optionsFor } from './bus-under-test.ts';
import { startClusterNode, startRedis } from './redis-server.ts';

const server = await startRedis();
after(() => server[Symbol.asyncDispose]());
busContract('redis', (events) => openRedisBus(optionsFor(server.url), events));

// A node that holds every slot of a cluster refuses any command whose names hash to two of them.
const node = await startClusterNode();
after(() => node[Symbol.asyncDispose]());
busContract('redis as a cluster node', (events) => openRedisBus(optionsFor(node.url), events));
