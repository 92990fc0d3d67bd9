// A binary heap: a list of which the first member is quickly found, taken and replaced.

/** Members in an order that the heap's maker gives. */
export class Heap<T> {
  readonly #members: T[] = [];
  readonly #isBefore: (a: T, b: T) => boolean;

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  push(added: T): void {
    const members = this.#members;
    let at = members.length;
    members.push(added);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(added, members[parent])) break;
      members[at] = members[parent];
      at = parent;
    }
    members[at] = added;
  }

  /** Takes the first member out; undefined if there is none. */
  pop(): T | undefined {
    const members = this.#members;
    const last = members.pop();
    if (last === undefined || members.length === 0) return last;
    const top = members[0];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= members.length) break;
      if (child + 1 < members.length && this.#isBefore(members[child + 1], members[child])) child++;
      if (!this.#isBefore(members[child], last)) break;
      members[at] = members[child];
      at = child;
    }
    members[at] = last;
    return top;
  }

  clear(): void {
    this.#members.length = 0;
  }
}
