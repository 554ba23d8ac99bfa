import { FormatError } from "@gradus/tensor/errors";
import { listOf, operation, type Part, partOf, unknownPart } from "./normalizers.ts";

/** Tokens put around a text, such as the one that begins all texts. */
export interface Template {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The ids of `"<s>"` in `{ "<s>": { "ids": [1] } }`. */
function idsOf(part: Part, name: unknown): readonly number[] {
  const specials = part["special_tokens"];
  const entry = typeof name === "string" && specials && Object.hasOwn(specials, name) ? (specials as Part)[name] : undefined;
  const ids = (entry as { readonly ids?: unknown } | undefined)?.ids;
  if (!Array.isArray(ids)) throw new FormatError(operation, `the template names ${JSON.stringify(name)}, for which it gives no ids`);
  return ids;
}

function templateProcessing(part: Part): Template {
  const around: [number[], number[]] = [[], []];
  let sequences = 0;
  for (const item of listOf(part, "single") as Part[]) {
    if (item?.["Sequence"]) sequences++;
    else around[sequences ? 1 : 0].push(...idsOf(part, (item?.["SpecialToken"] as Part | undefined)?.["id"]));
  }
  if (sequences !== 1) throw new FormatError(operation, `the template for one text has ${sequences} places for it, not one`);
  return { before: around[0], after: around[1] };
}

/** The id in `["[CLS]", 101]`. */
const pairId = (part: Part, name: string) => listOf(part, name)[1] as number;

/** The `post_processor` of a `tokenizer.json`, for single texts; null adds nothing. FormatError for damaged and unknown ones. */
export function templateOf(value: unknown, isToken: (id: unknown) => boolean, depth = 0): Template {
  if (value === null || value === undefined) return { before: [], after: [] };
  const part = partOf(value, "post-processor", depth);
  const template = ((): Template => {
    switch (part.type) {
      case "Sequence":
        return listOf(part, "processors")
          .map((step) => templateOf(step, isToken, depth + 1))
          .reduce((inner, outer) => ({ before: [...outer.before, ...inner.before], after: [...inner.after, ...outer.after] }));
      case "TemplateProcessing":
        return templateProcessing(part);
      case "BertProcessing":
      case "RobertaProcessing":
        return { before: [pairId(part, "cls")], after: [pairId(part, "sep")] };
      case "ByteLevel": // concerns offsets, which we do not give
        return { before: [], after: [] };
      default:
        throw unknownPart("post-processor", part.type, "Sequence, TemplateProcessing, BertProcessing, RobertaProcessing and ByteLevel");
    }
  })();
  for (const id of [...template.before, ...template.after])
    if (!isToken(id)) throw new FormatError(operation, `the template has the id ${JSON.stringify(id)}, which no token has`);
  return template;
}
