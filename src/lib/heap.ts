/** A binary heap that anybody may leave: adding, taking the first and removing an item are O(log n). Items are distinct. */
export class Heap<T> {
  readonly #comesBefore: (a: T, b: T) => boolean;
  readonly #items: T[] = [];
  readonly #positions = new Map<T, number>();

  constructor(comesBefore: (a: T, b: T) => boolean) {
    this.#comesBefore = comesBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    if (this.#positions.has(item)) throw new Error('the item is in the heap already');
    this.#place(item, this.#items.length);
    this.#rise(item);
  }

  shift(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Says whether the item was there. */
  remove(item: T): boolean {
    const position = this.#positions.get(item);
    if (position === undefined) return false;
    this.#positions.delete(item);
    const last = this.#items.pop()!;
    if (last !== item) {
      this.#place(last, position);
      this.#rise(last);
      this.#sink(last);
    }
    return true;
  }

  /** In no particular order. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#items.values();
  }

  #place(item: T, position: number): void {
    this.#items[position] = item;
    this.#positions.set(item, position);
  }

  #rise(item: T): void {
    let position = this.#positions.get(item)!;
    while (position > 0) {
      const above = (position - 1) >> 1;
      const parent = this.#items[above]!;
      if (!this.#comesBefore(item, parent)) break;
      this.#place(parent, position);
      position = above;
    }
    this.#place(item, position);
  }

  #sink(item: T): void {
    let position = this.#positions.get(item)!;
    for (;;) {
      const left = position * 2 + 1;
      const [leftChild, rightChild] = [this.#items[left], this.#items[left + 1]];
      if (leftChild === undefined) break;
      const rightFirst = rightChild !== undefined && this.#comesBefore(rightChild, leftChild);
      const child = rightFirst ? rightChild : leftChild;
      if (!this.#comesBefore(child, item)) break;
      this.#place(child, position);
      position = rightFirst ? left + 1 : left;
    }
    this.#place(item, position);
  }
}
