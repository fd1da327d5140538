import { afterAll, beforeAll, describe } from 'vitest';
import type { TestStore } from '../../kit/store.ts';
import { admissionContract } from './admission.ts';
import { completionsContract } from './completions.ts';
import { forgettingContract } from './forgetting.ts';
import { installationContract } from './installation.ts';
import { keysContract } from './keys.ts';
import { limitsContract } from './limits.ts';
import { settlementContract } from './settlement.ts';
import { usageContract } from './usage.ts';

export interface StoreUnderContract {
  /** A store on an empty database of its own. */
  readonly open: () => Promise<TestStore>;
  readonly shared: boolean;
}

/** What every store promises. Tests share one store and keep apart by projects of their own, but for what goes through a whole store. */
export function storeContract({ open, shared }: StoreUnderContract): void {
  let store: TestStore;
  beforeAll(async () => {
    store = await open();
  });
  afterAll(() => store?.[Symbol.asyncDispose]());
  const opened = () => store;

  describe('installation', () => installationContract(opened, shared));
  describe('keys', () => keysContract(opened));
  describe('admission', () => admissionContract(opened));
  describe('limits', () => limitsContract(opened));
  describe('settlement', () => settlementContract(opened));
  describe('completions', () => completionsContract(opened));
  describe('forgetting', () => forgettingContract(open));
  describe('usage', () => usageContract(opened));
}
