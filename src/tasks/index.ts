// Tasks: columns in -> examples, and outputs -> predictions -> metrics.
export {
  type TextClassification,
  type TextClassificationOptions,
  textClassification,
} from "./text-classification.js";
