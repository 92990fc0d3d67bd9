// Porter's stemmer (Porter 1980, "An algorithm for suffix stripping") with the extensions of NLTK's default mode,
// which rouge_score uses: irregular words, "ies" and "ied" after one letter, y after a consonant, "alli" before
// "bli", "fulli" and "logi". Names of the steps are the paper's.

type Rule = readonly [suffix: string, replacement: string];

const IRREGULAR = new Map(
  Object.entries({
    sky: "sky",
    skies: "sky",
    dying: "die",
    lying: "lie",
    tying: "tie",
    news: "news",
    innings: "inning",
    inning: "inning",
    outings: "outing",
    outing: "outing",
    cannings: "canning",
    canning: "canning",
    howe: "howe",
    proceed: "proceed",
    exceed: "exceed",
    succeed: "succeed",
  }),
);

// Of each list the first suffix that fits decides, whether or not its condition then holds
const STEP_1A: Rule[] = [
  ["sses", "ss"],
  ["ies", "i"],
  ["ss", "ss"],
  ["s", ""],
];
const STEP_2: Rule[] = [
  ["ational", "ate"],
  ["tional", "tion"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["izer", "ize"],
  ["bli", "ble"],
  ["alli", "al"],
  ["entli", "ent"],
  ["eli", "e"],
  ["ousli", "ous"],
  ["ization", "ize"],
  ["ation", "ate"],
  ["ator", "ate"],
  ["alism", "al"],
  ["iveness", "ive"],
  ["fulness", "ful"],
  ["ousness", "ous"],
  ["aliti", "al"],
  ["iviti", "ive"],
  ["biliti", "ble"],
  ["fulli", "ful"],
  ["logi", "log"],
];
const STEP_3: Rule[] = [
  ["icate", "ic"],
  ["ative", ""],
  ["alize", "al"],
  ["iciti", "ic"],
  ["ical", "ic"],
  ["ful", ""],
  ["ness", ""],
];
const STEP_4 = "al ance ence er ic able ible ant ement ment ent ion ou ism ate iti ous ive ize".split(" ");

/** The stem of a word, lower-cased first. */
export function porterStem(word: string): string {
  const lower = word.toLowerCase();
  const irregular = IRREGULAR.get(lower);
  if (irregular !== undefined) return irregular;
  if (word.length <= 2) return lower;
  return [step1a, step1b, step1c, step2, step3, step4, step5a, step5b].reduce(
    (stem, step) => step(stem),
    lower,
  );
}

function step1a(word: string): string {
  if (word.length === 4 && word.endsWith("ies")) return word.slice(0, -1);
  const rule = STEP_1A.find(([suffix]) => word.endsWith(suffix));
  return rule === undefined ? word : replaced(word, rule);
}

function step1b(word: string): string {
  if (word.endsWith("ied")) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith("eed")) return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  const suffix = ["ed", "ing"].find((end) => word.endsWith(end) && hasVowel(word.slice(0, -end.length)));
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (stem.endsWith("at") || stem.endsWith("bl") || stem.endsWith("iz")) return `${stem}e`;
  if (endsInDoubleConsonant(stem)) return "lsz".includes(stem.at(-1)!) ? stem : stem.slice(0, -1);
  return measure(stem) === 1 && endsInShortSyllable(stem) ? `${stem}e` : stem;
}

function step1c(word: string): string {
  const fits = word.endsWith("y") && word.length > 2 && isConsonant(word, word.length - 2);
  return fits ? `${word.slice(0, -1)}i` : word;
}

function step2(word: string): string {
  if (word.endsWith("alli") && measure(word.slice(0, -4)) > 0) return step2(word.slice(0, -2));
  const rule = STEP_2.find(([suffix]) => word.endsWith(suffix));
  if (rule === undefined) return word;
  // The l of "logi" counts with the stem, so that "theology" loses its ending too
  const stem = rule[0] === "logi" ? word.slice(0, -3) : word.slice(0, -rule[0].length);
  return measure(stem) > 0 ? replaced(word, rule) : word;
}

function step3(word: string): string {
  const rule = STEP_3.find(([suffix]) => word.endsWith(suffix));
  if (rule === undefined) return word;
  return measure(word.slice(0, -rule[0].length)) > 0 ? replaced(word, rule) : word;
}

function step4(word: string): string {
  const suffix = STEP_4.find((end) => word.endsWith(end));
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (measure(stem) <= 1 || (suffix === "ion" && !/[st]$/.test(stem))) return word;
  return stem;
}

function step5a(word: string): string {
  if (!word.endsWith("e")) return word;
  const stem = word.slice(0, -1);
  const m = measure(stem);
  return m > 1 || (m === 1 && !endsInShortSyllable(stem)) ? stem : word;
}

function step5b(word: string): string {
  return word.endsWith("ll") && measure(word.slice(0, -1)) > 1 ? word.slice(0, -1) : word;
}

function replaced(word: string, [suffix, replacement]: Rule): string {
  return word.slice(0, word.length - suffix.length) + replacement;
}

/** The paper's m: how often a vowel is followed by a consonant. */
function measure(stem: string): number {
  let m = 0;
  let afterVowel = false;
  let consonant = false;
  for (const letter of stem) {
    consonant = letter === "y" ? !consonant : !isVowelLetter(letter);
    if (consonant && afterVowel) m++;
    afterVowel = !consonant;
  }
  return m;
}

function hasVowel(stem: string): boolean {
  for (let i = 0; i < stem.length; i++) if (!isConsonant(stem, i)) return true;
  return false;
}

function isVowelLetter(letter: string): boolean {
  return "aeiou".includes(letter);
}

/** A y is a consonant unless it follows one; a run of them alternates. */
function isConsonant(word: string, at: number): boolean {
  let first = at;
  while (first > 0 && word[first] === "y") first--;
  const even = (at - first) % 2 === 0;
  return !isVowelLetter(word[first]) === even;
}

/** The paper's *d. */
function endsInDoubleConsonant(word: string): boolean {
  return word.length >= 2 && word.at(-1) === word.at(-2) && isConsonant(word, word.length - 1);
}

/** The paper's *o (consonant, vowel, consonant but w, x, y), extended to words of a vowel and a consonant. */
function endsInShortSyllable(word: string): boolean {
  const last = word.length - 1;
  if (last < 1 || !isConsonant(word, last) || isConsonant(word, last - 1)) return false;
  return last === 1 || (isConsonant(word, last - 2) && !"wxy".includes(word[last]));
}
