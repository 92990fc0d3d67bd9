// How long an answer is waited for. Signals alone do not do: what AbortSignal.any and fetch make of them is held weakly
// (Node.js 20), and when it has been collected in the middle of a request, nothing ends the wait. So each wait is a race.

/** Lets a controller abort with a signal; the result undoes it. */
export function follow(controller: AbortController, signal: AbortSignal | undefined): () => void {
  const stop = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  return () => signal?.removeEventListener("abort", stop);
}

/** Until the caller's signal, or until nothing was heard for so long. To be ended by `end()`. */
export class Patience {
  /** Aborts when patience is over, with its reason. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #over: Promise<never>;
  readonly #unfollow: () => void;

  /** @param silence what it ends with when nothing was heard */
  constructor(milliseconds: number, silence: () => Error, caller?: AbortSignal) {
    const { signal } = this.#controller;
    this.signal = signal;
    this.#over = new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    this.#over.catch(() => {});
    this.#timer = setTimeout(() => this.#controller.abort(silence()), milliseconds);
    this.#unfollow = follow(this.#controller, caller);
  }

  /** Something came. */
  heard(): void {
    this.#timer.refresh();
  }

  /** What `work` gives, unless patience is over before. */
  async race<T>(work: Promise<T>): Promise<T> {
    return await Promise.race([work, this.#over]);
  }

  /** Nothing is waited for any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#unfollow();
    this.#controller.abort();
  }
}
