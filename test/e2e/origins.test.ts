import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { startCluster } from '../cluster.ts';
import { PATIENCE_MS } from '../sdk.ts';
import { launchChromium } from '../support/chromium.ts';

/** An empty page, which a browser knows by two origins. */
const site = createServer((_, response) => {
  response.setHeader('content-type', 'text/html').end('<title>page</title>');
}).listen(0, '127.0.0.1');
await once(site, 'listening');
const { port } = site.address() as AddressInfo;

const cluster = await startCluster({
  edges: 1,
  apis: 0,
  app: { allowedOrigins: [`http://127.0.0.1:${port}`, 'https://*.example.com'] },
});
const browser = await launchChromium();
after(async () => {
  await browser.close();
  site.closeAllConnections();
  site.close();
  await cluster[Symbol.asyncDispose]();
});

describe('Allowed origins', () => {
  const pages = [
    ['127.0.0.1', ['pusher:connection_established']],
    ['localhost', ['pusher:error', 4009, 'Origin not allowed', 4009, 'Origin not allowed']],
  ] as const;
  for (const [host, expected] of pages)
    it(`[LM75] a page of http://${host} in Chromium is told ${expected[0]}`, async () => {
      const page = await browser.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      await page.goto(`http://${host}:${port}/`);
      const heard = await page.evaluate(`new Promise((resolve) => {
        const socket = new WebSocket('${cluster.edgeUrl(0)}');
        const heard = [];
        socket.onmessage = ({ data }) => {
          const { event, data: { code, message } } = JSON.parse(data);
          if (event === 'pusher:error') heard.push(event, code, message);
          else resolve([event]);
        };
        socket.onclose = ({ code, reason }) => resolve([...heard, code, reason]);
      })`);
      assert.deepEqual(heard, expected);
      await page.close();
    });
});
