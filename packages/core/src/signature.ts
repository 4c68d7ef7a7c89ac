import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Lower-case hex HMAC-SHA256, the form of every signature of the protocol. */
export function sign(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('hex');
}

/** Compares in constant time. A signature of another form than ours is wrong, whatever it says. */
export function isSignatureOf(signature: string, secret: string, text: string): boolean {
  const expected = Buffer.from(sign(secret, text), 'latin1');
  const given = Buffer.from(signature, 'utf8');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Lower-case hex MD5, the form of `body_md5`. */
export function md5(bytes: string | Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}
