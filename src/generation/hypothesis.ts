// One way to go on with a source: its tokens, and what the model keeps of them.

/** Tokens and log-probabilities that a hypothesis and the ones it came from share: each sees the first of them. */
interface Shared {
  tokens: Int32Array;
  /** Of the generated tokens, at their places. */
  logProbabilities: Float32Array;
  /** How many are taken. Whoever ends there may add one; others copy. */
  taken: number;
}

export class Hypothesis<State> {
  readonly #shared: Shared;
  readonly #promptLength: number;
  /** How many of the tokens the state knows. */
  #known: number;

  private constructor(
    readonly state: State,
    shared: Shared,
    promptLength: number,
    readonly length: number,
    known: number,
  ) {
    this.#shared = shared;
    this.#promptLength = promptLength;
    this.#known = known;
  }

  /** @param maxLength the most tokens it may get */
  static start<State>(state: State, prompt: Int32Array, maxLength: number): Hypothesis<State> {
    const most = Math.max(maxLength, prompt.length);
    const tokens = new Int32Array(most);
    tokens.set(prompt);
    const shared = { tokens, logProbabilities: new Float32Array(most), taken: prompt.length };
    return new Hypothesis(state, shared, prompt.length, prompt.length, 0);
  }

  get tokens(): Int32Array {
    return this.#shared.tokens.subarray(0, this.length);
  }

  /** Of the generated tokens, as the processors left them. */
  get logProbabilities(): Float32Array {
    return this.#shared.logProbabilities.subarray(this.#promptLength, this.length);
  }

  /** The tokens that the model has not seen. */
  get pending(): Int32Array {
    return this.#shared.tokens.subarray(this.#known, this.length);
  }

  /** Marks all tokens as seen by the model. */
  stepped(): void {
    this.#known = this.length;
  }

  /** With one token more. The state is that of this one or a fork of it. */
  extended(token: number, logProbability: number, state: State): Hypothesis<State> {
    const shared = this.#shared.taken === this.length ? this.#shared : copied(this.#shared);
    shared.tokens[this.length] = token;
    shared.logProbabilities[this.length] = logProbability;
    shared.taken = this.length + 1;
    return new Hypothesis(state, shared, this.#promptLength, shared.taken, this.#known);
  }
}

function copied({ tokens, logProbabilities, taken }: Shared): Shared {
  return { tokens: tokens.slice(), logProbabilities: logProbabilities.slice(), taken };
}
