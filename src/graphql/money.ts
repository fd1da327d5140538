/** Exact decimals: integers of 10⁻⁹ inside, strings such as "12.5" outside. */
const decimals = 9;
export const one = 10n ** BigInt(decimals);
const pattern = /^(-?)(\d{1,18})(?:\.(\d{1,9}))?$/u;

export function formatDecimal(nanos: bigint): string {
  const sign = nanos < 0n ? '-' : '';
  const digits = (nanos < 0n ? -nanos : nanos).toString().padStart(decimals + 1, '0');
  const fraction = digits.slice(-decimals).replace(/0+$/u, '');
  return sign + digits.slice(0, -decimals) + (fraction === '' ? '' : `.${fraction}`);
}

/** Undefined for what is no decimal number, or has more than nine decimals. */
export function parseDecimal(text: string): bigint | undefined {
  const [, sign, whole, fraction = ''] = pattern.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const nanos = BigInt(whole) * one + BigInt(fraction.padEnd(decimals, '0'));
  return sign === '-' ? -nanos : nanos;
}
