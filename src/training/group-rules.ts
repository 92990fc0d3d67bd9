// Learning rates and weight decay for parts of a model: from rules by name to the groups of an optimizer.
import type { Tensor } from "../tensor/tensor.js";
import type { GroupRule } from "./args.js";
import { argumentFault, checkedNumber } from "./checks.js";
import type { ParameterGroup } from "./optimizers/parameter-groups.js";

/** Checks rules and gives copies. @throws ERR_ARGUMENT */
export function checkedRules(rules: readonly GroupRule[]): GroupRule[] {
  if (!Array.isArray(rules)) throw argumentFault("parameterGroups", "an array", typeof rules);
  return rules.map((rule, i) => {
    const name = `parameterGroups[${i}]`;
    if (typeof rule !== "object" || rule === null) throw argumentFault(name, "an object", rule);
    const { pattern, learningRate = 1, weightDecay = 1, ...others } = rule;
    const [odd] = Object.keys(others);
    if (odd !== undefined) throw argumentFault(name, "made of pattern, learningRate and weightDecay", odd);
    if (typeof pattern !== "string" && Object.prototype.toString.call(pattern) !== "[object RegExp]") {
      throw argumentFault(`${name}.pattern`, "a regular expression or a text", pattern);
    }
    return {
      pattern,
      learningRate: checkedNumber(`${name}.learningRate`, learningRate, 0, 1e6),
      weightDecay: checkedNumber(`${name}.weightDecay`, weightDecay, 0, 1e6),
    };
  });
}

/**
 * The parameters by the first rule that fits each; those that no rule fits make the last group.
 *
 * @throws ERR_ARGUMENT for a rule that fits no parameter: a misspelt name would go unnoticed
 */
export function groupsByRules(
  parameters: ReadonlyMap<string, Tensor>,
  rules: readonly GroupRule[],
  { learningRate, weightDecay }: { learningRate: number; weightDecay: number },
): ParameterGroup[] {
  const members = [...rules, undefined].map(() => new Map<string, Tensor>());
  const fitting = rules.map(() => false);
  for (const [name, parameter] of parameters) {
    const fits = rules.map(({ pattern }) =>
      typeof pattern === "string" ? name.includes(pattern) : name.search(pattern) >= 0,
    );
    fits.forEach((fit, i) => {
      fitting[i] ||= fit;
    });
    const first = fits.indexOf(true);
    members[first < 0 ? rules.length : first].set(name, parameter);
  }
  const idle = fitting.indexOf(false);
  if (idle >= 0) {
    const came = `${rules[idle].pattern}, which none has`;
    throw argumentFault(`parameterGroups[${idle}].pattern`, "part of a parameter's name", came);
  }
  return members.flatMap((group, i) => {
    if (group.size === 0) return [];
    const rule = rules[i] ?? {};
    return {
      parameters: group,
      ...(learningRate > 0 && { lr: learningRate * (rule.learningRate ?? 1) }),
      weightDecay: weightDecay * (rule.weightDecay ?? 1),
    };
  });
}
