// The processors that settings ask for, in the order of Transformers' `_get_logits_processor`.
import type { Settings } from "../settings.js";
import * as bans from "./bans.js";
import { LogSoftmax, RemoveInvalid } from "./normalize.js";
import * as penalties from "./penalties.js";
import type { GroupProcessor, LogitsContext, LogitsProcessor, ScoredRow } from "./processor.js";
import * as warpers from "./warpers.js";

export type AnyProcessor = LogitsProcessor | GroupProcessor;

export function processorsOf(settings: Settings): AnyProcessor[] {
  return [
    ...penaltiesAndBans(settings),
    ...(settings.processors ?? []),
    ...(settings.doSample ? samplingWarpers(settings) : []),
    ...(settings.renormalizeLogits ? [new LogSoftmax()] : []),
  ];
}

function penaltiesAndBans(settings: Settings): AnyProcessor[] {
  const { eosTokenIds, sequenceBias, encoderRepetitionPenalty, repetitionPenalty, badWordsIds } = settings;
  const { noRepeatNgramSize, encoderNoRepeatNgramSize, minLength, minNewTokens, suppressTokens } = settings;
  const { prefixAllowedTokens, forcedBosTokenId, forcedEosTokenIds, beginSuppressTokens } = settings;
  const list: AnyProcessor[] = [];
  if (sequenceBias?.length) {
    list.push(new penalties.SequenceBias(sequenceBias.map(([tokens, bias]) => ({ tokens, bias }))));
  }
  if (encoderRepetitionPenalty && encoderRepetitionPenalty !== 1) {
    list.push(new penalties.EncoderRepetitionPenalty(encoderRepetitionPenalty));
  }
  if (repetitionPenalty && repetitionPenalty !== 1) {
    list.push(new penalties.RepetitionPenalty(repetitionPenalty));
  }
  if (noRepeatNgramSize) list.push(new bans.NoRepeatNGram(noRepeatNgramSize));
  if (encoderNoRepeatNgramSize) list.push(new bans.EncoderNoRepeatNGram(encoderNoRepeatNgramSize));
  if (badWordsIds?.length) list.push(penalties.badWords(badWordsIds, eosTokenIds));
  if (minLength) list.push(new bans.MinLength(minLength, eosTokenIds));
  if (minNewTokens) list.push(new bans.MinNewTokens(minNewTokens, eosTokenIds));
  if (prefixAllowedTokens) list.push(new bans.PrefixConstrained(prefixAllowedTokens));
  if (typeof forcedBosTokenId === "number") list.push(new bans.ForcedBos(forcedBosTokenId));
  if (forcedEosTokenIds) list.push(new bans.ForcedEos(forcedEosTokenIds));
  if (settings.removeInvalidValues) list.push(new RemoveInvalid());
  const decay = settings.exponentialDecayLengthPenalty;
  if (decay) list.push(new penalties.ExponentialDecayLengthPenalty(decay[0], decay[1], eosTokenIds));
  if (suppressTokens?.length) list.push(new bans.SuppressTokens(suppressTokens));
  if (beginSuppressTokens?.length) {
    const forced = typeof forcedBosTokenId === "number";
    list.push(new bans.SuppressTokensAtBegin(beginSuppressTokens, forced));
  }
  return list;
}

/** The tokens that sampling leaves at least: beams need one beside the ends to go on with. */
export function leastKept({ numBeams, eosTokenIds }: Settings): number {
  if (numBeams === 1) return 1;
  return eosTokenIds.length > 0 ? eosTokenIds.length + 1 : 2;
}

function samplingWarpers(settings: Settings): LogitsProcessor[] {
  const { temperature, topK, topP, minP, typicalP } = settings;
  const { epsilonCutoff, etaCutoff } = settings;
  const kept = leastKept(settings);
  const list: LogitsProcessor[] = [];
  if (temperature !== 1) list.push(new warpers.Temperature(temperature));
  if (topK > 0) list.push(new warpers.TopK(topK, kept));
  if (topP < 1) list.push(new warpers.TopP(topP, kept));
  if (typeof minP === "number") list.push(new warpers.MinP(minP, kept));
  if (typicalP < 1) list.push(new warpers.Typical(typicalP, kept));
  if (epsilonCutoff) list.push(new warpers.EpsilonCutoff(epsilonCutoff, kept));
  if (etaCutoff) list.push(new warpers.EtaCutoff(etaCutoff, kept));
  return list;
}

/** Applies all to the hypotheses of one source; without beams each hypothesis is on its own. */
export function applyProcessors(
  processors: readonly AnyProcessor[],
  rows: readonly ScoredRow[],
  context: LogitsContext,
  together: boolean,
): void {
  for (const processor of processors) {
    if ("processGroup" in processor) {
      if (together) processor.processGroup(rows, context);
      else for (const row of rows) processor.processGroup([row], context);
    } else {
      for (const { scores, tokens } of rows) processor.process(scores, tokens, context);
    }
  }
}
