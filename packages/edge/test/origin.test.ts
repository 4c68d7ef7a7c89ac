import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appSchema } from '@fanfare/core';
import { apps, startTestEdge } from './edge-under-test.ts';

const app = appSchema.parse({
  id: '2002',
  keys: [{ key: 'pages-key', secret: 's' }],
  allowedOrigins: ['https://example.com', 'https://*.example.com', 'http://localhost:8080'],
});
const PATH = '/app/pages-key?protocol=7';

describe('Allowed origins', () => {
  const allowed = [
    undefined,
    'https://example.com',
    'https://EXAMPLE.com:443',
    'https://shop.example.com',
    'http://localhost:8080',
  ];
  for (const origin of allowed)
    it(`[LM20] a socket with the origin ${origin} is let in`, async () => {
      await using edge = await startTestEdge({ moreApps: [app] });
      await using client = await edge.connect(app, origin === undefined ? {} : { origin });
      await client.join('lobby');
    });

  const refused = [
    'https://evil.test',
    'http://example.com',
    'https://example.com.evil.test',
    'http://localhost',
    'null',
    'garbage',
  ];
  for (const origin of refused)
    it(`[LM20] a socket with the origin ${origin} is closed with 4009`, async () => {
      await using edge = await startTestEdge({ moreApps: [app] });
      await using client = edge.open(PATH, { origin });
      assert.equal(await client.nextError(4009), 'Origin not allowed');
      assert.deepEqual(await client.closedWith(), { code: 4009, reason: 'Origin not allowed' });
      assert.equal(edge.counters.connections, 0);
    });

  it('[LM20] an app without a list lets every origin in', async () => {
    await using edge = await startTestEdge({ moreApps: [app] });
    await using client = await edge.connect(apps.main, { origin: 'https://any.test' });
    await client.join('lobby');
  });
});
