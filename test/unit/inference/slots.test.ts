import { describe, expect, it } from 'vitest';
import { createSlots } from '../../../src/inference/slots.ts';

const forever = new AbortController().signal;

describe('slots', () => {
  it('never gives more than there are, in the order of asking', async () => {
    const slots = createSlots(2);
    const first = await slots.acquire('first', forever);
    await slots.acquire('first', forever);
    const order: string[] = [];
    const noted = async (kind: 'first' | 'extra', name: string) => {
      const slot = await slots.acquire(kind, forever);
      order.push(name);
      return slot;
    };
    const third = noted('first', 'third');
    const fourth = noted('first', 'fourth');
    expect(slots.free).toBe(0);
    first[Symbol.dispose]();
    (await third)[Symbol.dispose]();
    await fourth;
    expect(order).toEqual(['third', 'fourth']);
  });

  it('gives an extra slot only while nobody waits for a first one', async () => {
    const slots = createSlots(1);
    const held = await slots.acquire('first', forever);
    const order: string[] = [];
    const noted = async (kind: 'first' | 'extra', name: string) => {
      const slot = await slots.acquire(kind, forever);
      order.push(name);
      return slot;
    };
    const extra = noted('extra', 'extra');
    const first = noted('first', 'first');
    held[Symbol.dispose]();
    (await first)[Symbol.dispose]();
    await extra;
    expect(order).toEqual(['first', 'extra']);
  });

  it('takes a slot back once, however often it is disposed', async () => {
    const slots = createSlots(1);
    const slot = await slots.acquire('first', forever);
    slot[Symbol.dispose]();
    slot[Symbol.dispose]();
    expect(slots.free).toBe(1);
  });

  it('forgets who stopped waiting', async () => {
    const slots = createSlots(1);
    const held = await slots.acquire('first', forever);
    const leaving = new AbortController();
    const waiting = slots.acquire('first', leaving.signal);
    leaving.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    held[Symbol.dispose]();
    expect(slots.free).toBe(1);
    await expect(slots.acquire('first', leaving.signal)).rejects.toThrow('gone');
    expect(slots.free).toBe(1);
  });

  it('are as many as there are now: further ones at once, fewer as they are given back', async () => {
    const slots = createSlots(1);
    const first = await slots.acquire('first', forever);
    const waiting = slots.acquire('first', forever);
    slots.resize(2);
    const second = await waiting;
    slots.resize(1);
    expect([slots.total, slots.free]).toEqual([1, 0]);
    second[Symbol.dispose]();
    expect(slots.free).toBe(0);
    first[Symbol.dispose]();
    expect(slots.free).toBe(1);
  });
});
