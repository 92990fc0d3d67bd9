// The loop that all searches share: sources are taken in as room appears, longest first, step together, and leave as
// soon as they are done. One step of the model and one read-back of its scores per token.
import { AthanorError } from "../errors.js";
import { BeamSearch } from "./beam-search.js";
import { Hypothesis } from "./hypothesis.js";
import type { Admitted, NextTokenModel, Source } from "./next-token-model.js";
import type { Scorer } from "./scorer.js";
import type { Chosen, Search, Sequence } from "./search.js";
import type { Settings } from "./settings.js";
import { SingleSearch } from "./single-search.js";
import { Steps } from "./steps.js";
import { Stopping } from "./stopping.js";

export type DecodingEvent =
  /** Without beams: tokens that an example's sequences got. */
  | { kind: "tokens"; example: number; chosen: readonly Chosen[] }
  /** An example has finished. */
  | { kind: "sequences"; example: number; sequences: Sequence[] };

interface Active<State> {
  search: Search<State>;
  admitted: Admitted<State>;
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  throw new AthanorError("ERR_ABORTED", "generate: was aborted by its signal", { cause: signal.reason });
}

function sourceLength({ inputIds, prompt }: Source): number {
  return inputIds ? inputIds.length : prompt.length;
}

/**
 * Decodes sources, and tells what each step has brought; however it ends, the model is disposed of.
 *
 * @throws ERR_ABORTED by the signal; ERR_ARGUMENT when the options forbid all tokens; what the model throws
 */
export async function* decode<State>(
  model: NextTokenModel<State>,
  sources: readonly Source[],
  settings: Settings,
  scorer: Scorer,
): AsyncGenerator<DecodingEvent[]> {
  const { numBeams, numReturnSequences, batchRows, signal } = settings;
  const stopping = new Stopping(settings);
  const rowsPerSource = numBeams > 1 ? numBeams : numReturnSequences;
  const most = Math.max(1, Math.floor(batchRows / rowsPerSource));
  const waiting = [...sources].sort((a, b) => sourceLength(b) - sourceLength(a));
  const steps = new Steps(model, scorer);
  let active: Active<State>[] = [];
  try {
    while (active.length + waiting.length > 0) {
      throwIfAborted(signal);
      const room = most - active.length;
      // A few at a time: encoding one reads as many weights as encoding several.
      const enough = room >= Math.min(waiting.length, Math.ceil(most / 4));
      const taken = enough ? waiting.splice(0, room) : [];
      const fresh = taken.length > 0 ? admit(model, taken, settings, stopping) : [];
      active.push(...fresh);
      // Prompts step on their own: their tokens attend to each other without tables.
      const prompts = fresh.filter(({ search }) => search.hypotheses[0].pending.length > 1);
      const stepping = prompts.length > 0 ? prompts : active;
      const alone = stepping.length === active.length && waiting.length === 0;
      const searches = stepping.map(({ search }) => search);
      yield await step(steps, searches, alone, signal);
      for (const { search, admitted } of stepping) if (search.hypotheses.length === 0) admitted.release();
      active = active.filter(({ search }) => search.hypotheses.length > 0);
    }
  } finally {
    steps.dispose();
    model.dispose();
  }
}

function admit<State>(
  model: NextTokenModel<State>,
  sources: readonly Source[],
  settings: Settings,
  stopping: Stopping,
): Active<State>[] {
  return model.admit(sources).map((admitted, i) => {
    const source = sources[i];
    const first = Hypothesis.start(admitted.state, source.prompt, source.maxLength);
    const parts = { source, first, model, settings, stopping };
    return { admitted, search: settings.numBeams > 1 ? new BeamSearch(parts) : new SingleSearch(parts) };
  });
}

async function step<State>(
  steps: Steps<State>,
  searches: readonly Search<State>[],
  alone: boolean,
  signal: AbortSignal | undefined,
): Promise<DecodingEvent[]> {
  const rows = await steps.next(searches, alone);
  throwIfAborted(signal);
  const events: DecodingEvent[] = [];
  searches.forEach((search, i) => {
    search.advance(rows[i]);
    const { example } = search.source;
    if (search.chosen.length > 0) events.push({ kind: "tokens", example, chosen: search.chosen });
    if (search.hypotheses.length === 0)
      events.push({ kind: "sequences", example, sequences: search.results() });
  });
  return events;
}
