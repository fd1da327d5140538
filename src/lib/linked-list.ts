/** A line that anybody may leave from anywhere: adding at the end, taking the first and removing a node are O(1). */
export interface LinkedNode<T> {
  readonly value: T;
}

interface Node<T> extends LinkedNode<T> {
  previous: Node<T> | undefined;
  next: Node<T> | undefined;
  listed: boolean;
}

export class LinkedList<T> {
  #first: Node<T> | undefined;
  #last: Node<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first?.value;
  }

  push(value: T): LinkedNode<T> {
    const node: Node<T> = { value, previous: this.#last, next: undefined, listed: true };
    if (this.#last) this.#last.next = node;
    else this.#first = node;
    this.#last = node;
    this.#size += 1;
    return node;
  }

  shift(): T | undefined {
    const node = this.#first;
    if (node) this.remove(node);
    return node?.value;
  }

  /** Removing a node that already left changes nothing. */
  remove(handle: LinkedNode<T>): void {
    const node = handle as Node<T>;
    if (!node.listed) return;
    if (node.previous) node.previous.next = node.next;
    else this.#first = node.next;
    if (node.next) node.next.previous = node.previous;
    else this.#last = node.previous;
    node.listed = false;
    node.previous = undefined;
    node.next = undefined;
    this.#size -= 1;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let node = this.#first; node; node = node.next) yield node.value;
  }
}
