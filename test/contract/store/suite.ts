import { describe } from 'vitest';
import type { TestStore } from '../../kit/store.ts';
import { admissionContract } from './admission.ts';
import { completionsContract } from './completions.ts';
import { installationContract } from './installation.ts';
import { keysContract } from './keys.ts';
import { limitsContract } from './limits.ts';
import { settlementContract } from './settlement.ts';
import { usageContract } from './usage.ts';

/** What every store promises. Tests share one store and keep apart by projects of their own. */
export function storeContract(opened: () => TestStore, { shared }: { readonly shared: boolean }): void {
  describe('installation', () => installationContract(opened, shared));
  describe('keys', () => keysContract(opened));
  describe('admission', () => admissionContract(opened));
  describe('limits', () => limitsContract(opened));
  describe('settlement', () => settlementContract(opened));
  describe('completions', () => completionsContract(opened));
  describe('usage', () => usageContract(opened));
}
