// Training a vocabulary on texts of one's own.

export {
  type BpeTrainerOptions,
  type TrainedBpe,
  trainBpe,
  trainWordPiece,
  type WordPieceTrainerOptions,
} from "./bpe.js";
export type { TrainingControl, TrainingProgress } from "./pace.js";
export { type TrainedUnigram, trainUnigram, type UnigramTrainerOptions } from "./unigram.js";
export type { Texts, TrainingTexts } from "./word-counts.js";
