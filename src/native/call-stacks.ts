// Where each recent op was called from. A failure on the executor names the number of its call; the stack kept
// here tells the line. Kept while gradients are recorded (a step has some 500 calls of 3 us); under noGrad only
// when ATHANOR_DEBUG is set, as it would double the cost of decoding small models.

const ringSize = 8192;
const depth = 6;

export class CallStacks {
  /** Calls so far; the binary counts along. */
  #calls = 0;
  readonly #numbers = new Float64Array(ringSize);
  readonly #errors: (Error | undefined)[] = new Array(ringSize);
  readonly #always = Boolean(process.env.ATHANOR_DEBUG);

  /** Counts a call and keeps its stack when `keep` is true. */
  next(keep: boolean): void {
    const call = ++this.#calls;
    if (!keep && !this.#always) return;
    const slot = call & (ringSize - 1);
    const limit = Error.stackTraceLimit; // the user's: restored at once
    Error.stackTraceLimit = depth;
    this.#errors[slot] = new Error("the op was called here");
    Error.stackTraceLimit = limit;
    this.#numbers[slot] = call;
  }

  /** The error that holds the stack of a call, or undefined if none was kept or the ring has moved on. */
  find(call: number): Error | undefined {
    const slot = call & (ringSize - 1);
    return this.#numbers[slot] === call ? this.#errors[slot] : undefined;
  }
}
