/** No file of ours, of Keras or of Hugging Face nests half as deep; what walks the value (JSON.stringify first of all) takes this much. */
const deepest = 256;

/**
 * The value of a text in JSON, or of bytes of it in UTF-8. For what is none, or nests deeper than 256 lists and objects, whatever `otherwise`
 * makes of the problem, which may be to throw; undefined (which no JSON gives) unless said.
 */
export function parseJson(source: string | Uint8Array, otherwise: (problem: string) => unknown = () => undefined): unknown {
  let text: string;
  let value: unknown;
  try {
    text = typeof source === "string" ? source : new TextDecoder("utf-8", { fatal: true }).decode(source);
  } catch {
    return otherwise("is no text in UTF-8");
  }
  try {
    value = JSON.parse(text);
  } catch (error) {
    return otherwise(`is no JSON: ${(error as Error).message}`);
  }
  return depthOf(text) > deepest ? otherwise(`nests deeper than ${deepest} lists and objects`) : value;
}

/** How many brackets are open at most in a text that is JSON. */
function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') for (i++; text[i] !== '"'; i++) if (text[i] === "\\") i++;
    if (character === "[" || character === "{") most = Math.max(most, ++depth);
    if (character === "]" || character === "}") depth--;
  }
  return most;
}
