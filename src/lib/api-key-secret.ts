import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * The form of an API key: `slc_`, 32 random base62 characters (190 bits), and a 6-character base62 checksum (CRC-32 of what is
 * before it). The checksum lets a typing error or a truncated paste be refused without asking the database, and lets secret
 * scanners recognise a leaked key.
 */
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const randomCharacters = 32;
const checksumCharacters = 6;
const pattern = new RegExp(`^slc_[0-9A-Za-z]{27,64}[0-9A-Za-z]{${checksumCharacters}}$`, 'u');

export function generateSecret(): string {
  const random = Array.from({ length: randomCharacters }, () => alphabet[randomInt(alphabet.length)]).join('');
  const body = `slc_${random}`;
  return body + checksum(body);
}

export function isWellFormedSecret(text: string): boolean {
  if (!pattern.test(text)) return false;
  const body = text.slice(0, -checksumCharacters);
  return checksum(body) === text.slice(-checksumCharacters);
}

/** Enough to recognise a key by, too little to use it. */
export function hintOf(secret: string): string {
  return `${secret.slice(0, 8)}…`;
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let i = 0; i < checksumCharacters; i++) {
    text = alphabet[rest % alphabet.length] + text;
    rest = Math.floor(rest / alphabet.length);
  }
  return text;
}
