// The space of a search: what each parameter may be. Samplers see a number as a place on a line (the logarithm's
// where that is searched evenly), a choice as the number of its value.
import { AthanorError } from "../errors.js";

/** A value of a parameter, as JSON has it. */
export type ParameterValue = number | string | boolean | null | readonly ParameterValue[];

/** A trial's parameters by name; those whose condition does not hold are absent. */
export type Parameters = Record<string, ParameterValue>;

interface Conditional {
  /** The parameter exists only where these, which come before it in the space, have this value or one of these. */
  when?: Readonly<Record<string, ParameterValue>>;
}

interface Range extends Conditional {
  low: number;
  /** Above `low`; belongs to the range. */
  high: number;
  /** So many values of a grid, ends included; the other samplers do not look at it. */
  points?: number;
}

/** Any number of a range, all equally likely at first. */
export interface UniformParameter extends Range {
  type: "uniform";
}

/** Any number of a range above 0, each order of magnitude equally likely at first: learning rates. */
export interface LogUniformParameter extends Range {
  type: "logUniform";
}

/** A whole number. */
export interface IntegerParameter extends Range {
  type: "integer";
  /** Each order of magnitude equally likely at first; then `low` is at least 1. Default false. */
  log?: boolean;
}

/** One of some values. */
export interface ChoiceParameter extends Conditional {
  type: "choice";
  values: readonly ParameterValue[];
}

type NumberParameter = UniformParameter | LogUniformParameter | IntegerParameter;
export type SearchParameter = NumberParameter | ChoiceParameter;

/**
 * Parameters by name, in the order in which they are chosen: also a JSON file.
 *
 * @example
 * const space: SearchSpace = {
 *   learningRate: { type: "logUniform", low: 1e-5, high: 1e-2 },
 *   optimizer: { type: "choice", values: ["adamw", "sgd"] },
 *   "optimizerOptions.momentum": { type: "uniform", low: 0, high: 0.95, when: { optimizer: "sgd" } },
 * };
 */
export type SearchSpace = Readonly<Record<string, SearchParameter>>;

interface DimensionBase {
  readonly name: string;
  /** Whether the parameter exists beside those that were chosen before it. */
  isActive(chosen: Parameters): boolean;
}

/** A number: a place from `low` to `high` on its line. */
export interface NumberDimension extends DimensionBase {
  readonly kind: "number";
  readonly spec: NumberParameter;
  readonly low: number;
  readonly high: number;
  /** Rounds where it must, so that several places have one value. */
  valueAt(place: number): number;
  placeOf(value: number): number;
}

/** A choice: the number of its value. */
export interface ChoiceDimension extends DimensionBase {
  readonly kind: "choice";
  readonly values: readonly ParameterValue[];
}

export type Dimension = NumberDimension | ChoiceDimension;

/** Whether two values of parameters are the same. */
export function isSameValue(a: ParameterValue | undefined, b: ParameterValue | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function searchFault(name: string, needed: string, came: unknown): AthanorError {
  const shown = typeof came === "string" ? came : (JSON.stringify(came) ?? String(came));
  return new AthanorError("ERR_ARGUMENT", `search: ${name} must be ${needed}, got ${shown}`);
}

/** The dimensions of a space, checked. @throws ERR_ARGUMENT naming the parameter */
export function dimensionsOf(space: SearchSpace): Dimension[] {
  if (typeof space !== "object" || space === null || Array.isArray(space)) {
    throw searchFault("space", "an object of parameters by name", space);
  }
  const entries = Object.entries(space);
  if (entries.length === 0) throw searchFault("space", "made of at least one parameter", "none");
  const before: Dimension[] = [];
  for (const [name, spec] of entries) before.push(dimensionOf(name, spec, before));
  return before;
}

const FIELDS: Record<SearchParameter["type"], readonly string[]> = {
  uniform: ["low", "high", "points"],
  logUniform: ["low", "high", "points"],
  integer: ["low", "high", "points", "log"],
  choice: ["values"],
};

function dimensionOf(name: string, spec: SearchParameter, before: readonly Dimension[]): Dimension {
  if (typeof spec !== "object" || spec === null) throw searchFault(name, "an object with a type", spec);
  if (!Object.hasOwn(FIELDS, spec.type)) {
    throw searchFault(`${name}.type`, `one of ${Object.keys(FIELDS).join(", ")}`, spec.type);
  }
  const known = [...FIELDS[spec.type], "type", "when"];
  const odd = Object.keys(spec).find((field) => !known.includes(field));
  if (odd !== undefined) throw searchFault(name, `made of ${known.join(", ")}`, odd);
  const isActive = conditionOf(name, spec, before);
  if (spec.type === "choice") return { kind: "choice", name, isActive, values: checkedValues(name, spec) };
  checkRange(name, spec);
  return { kind: "number", name, spec, isActive, ...lineOf(spec) };
}

function checkedValues(name: string, { values }: ChoiceParameter): readonly ParameterValue[] {
  if (!Array.isArray(values) || values.length === 0) {
    throw searchFault(`${name}.values`, "an array of at least one value", values);
  }
  const twice = values.find((value, i) => values.findIndex((other) => isSameValue(value, other)) !== i);
  if (twice !== undefined) throw searchFault(`${name}.values`, "different from each other", twice);
  return values;
}

function checkRange(name: string, spec: NumberParameter): void {
  const { low, high, points } = spec;
  const logarithmic = isLogarithmic(spec);
  const isValid = spec.type === "integer" ? Number.isSafeInteger : Number.isFinite;
  const kind = spec.type === "integer" ? "a whole number" : "a finite number";
  for (const [bound, value] of Object.entries({ low, high })) {
    if (!isValid(value)) throw searchFault(`${name}.${bound}`, kind, value);
  }
  if (low >= high) throw searchFault(`${name}.low`, `below high, which is ${high}`, low);
  if (logarithmic && low <= 0) throw searchFault(`${name}.low`, "above 0 on a logarithmic scale", low);
  if (points !== undefined && !(Number.isSafeInteger(points) && points >= 2)) {
    throw searchFault(`${name}.points`, "a whole number from 2", points);
  }
}

function isLogarithmic(spec: NumberParameter): boolean {
  return spec.type === "logUniform" || (spec.type === "integer" && spec.log === true);
}

type Line = Pick<NumberDimension, "low" | "high" | "valueAt" | "placeOf">;

/** Every whole number gets the stretch that is rounded to it, so that the ends are as likely as the others. */
function lineOf(spec: NumberParameter): Line {
  const { low, high } = spec;
  const margin = spec.type === "integer" ? 0.5 : 0;
  const logarithmic = isLogarithmic(spec);
  const placeOf = logarithmic ? Math.log : (value: number) => value;
  const plain = logarithmic ? Math.exp : (place: number) => place;
  const valueAt = (place: number) => {
    const value = spec.type === "integer" ? Math.round(plain(place)) : plain(place);
    return Math.min(high, Math.max(low, value));
  };
  return { low: placeOf(low - margin), high: placeOf(high + margin), placeOf, valueAt };
}

function conditionOf(
  name: string,
  { when }: Conditional,
  before: readonly Dimension[],
): (chosen: Parameters) => boolean {
  if (when === undefined) return () => true;
  const entries = typeof when === "object" && when !== null ? Object.entries(when) : [];
  if (entries.length === 0) throw searchFault(`${name}.when`, "an object of values by parameter", when);
  const wanted = entries.map(([other, value]) => {
    const earlier = before.find((dimension) => dimension.name === other);
    if (!earlier) throw searchFault(`${name}.when`, "about a parameter that comes before it", other);
    const allowed: readonly ParameterValue[] = Array.isArray(value) ? value : [value as ParameterValue];
    const impossible = allowed.find((one) => !canBe(earlier, one));
    if (allowed.length === 0 || impossible !== undefined) {
      throw searchFault(`${name}.when.${other}`, `a value that ${other} can have`, impossible ?? allowed);
    }
    return { other, allowed };
  });
  return (chosen) =>
    wanted.every(
      ({ other, allowed }) =>
        Object.hasOwn(chosen, other) && allowed.some((value) => isSameValue(value, chosen[other])),
    );
}

function canBe(dimension: Dimension, value: ParameterValue): boolean {
  if (dimension.kind === "choice") return dimension.values.some((one) => isSameValue(one, value));
  const { low, high, type } = dimension.spec;
  const fits = typeof value === "number" && value >= low && value <= high;
  return fits && (type !== "integer" || Number.isInteger(value));
}

/** Of a journal. */
export function fileFault(file: string, needed: string, came?: string, cause?: unknown): AthanorError {
  const got = came === undefined ? "" : `, got ${came}`;
  return new AthanorError("ERR_CHECKPOINT", `${file}: needs ${needed}${got}`, { cause });
}
