// One way to go on with a source: its tokens, and what the model keeps of them.

export class Hypothesis<State> {
  readonly #buffer: Int32Array;
  /** How many of the tokens the state knows. */
  #known: number;

  private constructor(
    readonly state: State,
    buffer: Int32Array,
    readonly length: number,
    known: number,
    /** Of the generated tokens, as the processors left it. */
    readonly logProbabilities: readonly number[],
  ) {
    this.#buffer = buffer;
    this.#known = known;
  }

  /** @param maxLength the most tokens it may get */
  static start<State>(state: State, prompt: Int32Array, maxLength: number): Hypothesis<State> {
    const buffer = new Int32Array(Math.max(maxLength, prompt.length));
    buffer.set(prompt);
    return new Hypothesis(state, buffer, prompt.length, 0, []);
  }

  get tokens(): Int32Array {
    return this.#buffer.subarray(0, this.length);
  }

  /** The tokens that the model has not seen. */
  get pending(): Int32Array {
    return this.#buffer.subarray(this.#known, this.length);
  }

  /** Marks all tokens as seen by the model. */
  stepped(): void {
    this.#known = this.length;
  }

  /** With one token more. The state is that of this one or a fork of it. */
  extended(token: number, logProbability: number, state: State): Hypothesis<State> {
    const buffer = this.#buffer.slice();
    buffer[this.length] = token;
    const all = [...this.logProbabilities, logProbability];
    return new Hypothesis(state, buffer, this.length + 1, this.#known, all);
  }
}
