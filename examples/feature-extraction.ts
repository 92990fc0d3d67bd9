// Feature extraction: an encoder that stays as it is, and a classifier over a learned mix of its layers.
//
//   node dist/examples/feature-extraction.js                        BANKING77's intents, fresh weights as the encoder
//   node dist/examples/feature-extraction.js --model FOLDER --layers -4,-3,-2,-1 --combine concat
//
// Fresh weights are no good encoder: what is learnt is learnt from random features. A pre-trained one does better.
import { parseArgs } from "node:util";
import {
  FeatureClassifier,
  FeatureExtractor,
  type LayerCombination,
  type PoolingMode,
  Trainer,
  textClassification,
} from "../src/index.js";
import { questions } from "./banking-pairs.js";
import { loadModel, saveModel } from "./small-bert.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ model: text, output: text, layers: text, combine: { ...text, default: "mix" } },
    ...{ pooling: { ...text, default: "mean" }, epochs: { ...text, default: "6" } },
    quick: { type: "boolean", default: false },
  },
});
const train = await questions("train", options.quick ? 2 : 40);
const test = await questions("test", options.quick ? 1 : 10);
const labels = [...new Set(train.map(({ category }) => category))].sort();
const layers = options.layers?.split(",").map(Number) ?? "all";
const combine = options.combine as LayerCombination;
const head = { labels, layers, combine, pooling: options.pooling as PoolingMode };
const { model, tokenizer } = await loadModel(FeatureClassifier, {
  ...{ model: options.model, width: options.quick ? 32 : 256, positions: 128, head },
});

const args = { epochs: options.quick ? 1 : Number(options.epochs), learningRate: 1e-2, batchSize: 32 };
const task = textClassification({ labelColumn: "category" });
const trainer = new Trainer({ model, tokenizer, task, train, args });
const { steps, seconds } = await trainer.train();
const { accuracy, loss } = await trainer.evaluate(test);
console.log(
  `${steps} steps in ${seconds.toFixed(1)} s: accuracy ${accuracy.toFixed(3)}, loss ${loss.toFixed(3)}`,
);
const weights = await (model as FeatureClassifier).layerWeights();
if (weights) console.log(`layers count ${Array.from(weights, (weight) => weight.toFixed(3)).join(", ")}`);

const extractor = new FeatureExtractor({ model, tokenizer, layers: -1, pooling: "mean" });
const [vector] = await extractor.extract(["Where is my card?"]);
console.log(`"Where is my card?" has ${vector.length} features, the first ${vector[0].toFixed(4)}`);
await saveModel(model, tokenizer, options.output);
model.dispose();
