// A template: a list of special tokens and of places for texts, one for a single text and one for two.

import { badTokenizer, type Fields } from "../fields.js";
import type { OffsetTrim, PostProcessor, TemplatePiece } from "../stages.js";

/** Adds special tokens and type ids as its two templates say. */
export class TemplatePostProcessor implements PostProcessor {
  readonly trim: OffsetTrim | null;
  readonly #single: readonly TemplatePiece[];
  readonly #pair: readonly TemplatePiece[];
  readonly #plainSingle: readonly TemplatePiece[];
  readonly #plainPair: readonly TemplatePiece[];

  constructor(
    single: readonly TemplatePiece[],
    pair: readonly TemplatePiece[],
    trim: OffsetTrim | null = null,
  ) {
    this.#single = single;
    this.#pair = pair;
    this.#plainSingle = single.filter((piece) => "sequence" in piece);
    this.#plainPair = pair.filter((piece) => "sequence" in piece);
    this.trim = trim;
  }

  pieces(pair: boolean, addSpecialTokens: boolean): readonly TemplatePiece[] {
    if (addSpecialTokens) return pair ? this.#pair : this.#single;
    return pair ? this.#plainPair : this.#plainSingle;
  }
}

/** One text, or two one after the other with types 0 and 1: what a tokenizer without post-processor does. */
export function plainPostProcessor(trim: OffsetTrim | null = null): TemplatePostProcessor {
  const single = [{ sequence: 0, typeId: 0 }] as const;
  return new TemplatePostProcessor(single, [...single, { sequence: 1, typeId: 1 }], trim);
}

/** TemplateProcessing of tokenizer.json. */
export function readTemplateProcessing(fields: Fields): TemplatePostProcessor {
  const ids = specialIds(fields);
  const single = fields.objects("single").flatMap((piece) => readPiece(piece, ids));
  const pair = fields.objects("pair").flatMap((piece) => readPiece(piece, ids));
  checkSequences(fields, "single", single, [0]);
  checkSequences(fields, "pair", pair, [0, 1]);
  return new TemplatePostProcessor(single, pair);
}

// A special token of a template may stand for several ids.
function specialIds(fields: Fields): Map<string, number[]> {
  const special = fields.object("special_tokens");
  const ids = new Map<string, number[]>();
  for (const name of Object.keys(special.json)) {
    const token = special.object(name);
    const list = token.array("ids");
    if (!list.every((id) => Number.isSafeInteger(id) && (id as number) >= 0)) {
      throw token.wrong("ids", "an array of ids");
    }
    ids.set(name, list as number[]);
  }
  return ids;
}

function readPiece(piece: Fields, ids: ReadonlyMap<string, number[]>): TemplatePiece[] {
  if (piece.has("Sequence")) {
    const sequence = piece.object("Sequence");
    const typeId = sequence.count("type_id");
    return [{ sequence: sequence.choice("id", ["A", "B"]) === "A" ? 0 : 1, typeId }];
  }
  const token = piece.object("SpecialToken");
  const typeId = token.count("type_id");
  const name = token.string("id");
  const found = ids.get(name);
  if (found === undefined) throw badTokenizer(`${token.place}.id`, "among the special_tokens", name);
  return found.map((id) => ({ id, typeId }));
}

function checkSequences(
  fields: Fields,
  name: string,
  pieces: readonly TemplatePiece[],
  needed: readonly number[],
): void {
  const found = pieces.flatMap((piece) => ("sequence" in piece ? [piece.sequence as number] : []));
  if (found.toSorted().join() !== needed.join()) {
    throw fields.wrong(name, `a template with ${needed.length === 1 ? "the text once" : "both texts once"}`);
  }
}
