import { chromium, type Browser } from 'playwright-core';

/** Without these, Chromium looks for hosts of its maker at every start. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The system's Chromium, headless. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = process.env['FANFARE_CHROMIUM'] ?? '/usr/bin/chromium';
  return chromium.launch({ executablePath, args: QUIET });
}
