/** A vocabulary of CLIP's kind, learned from some sentences: the published one is not ours to give on. */
const sentences = `a red triangle above a blue square and a green circle left of the yellow star it's they're we'll I'd don't
a photograph of an astronaut riding a horse on the moon, oil painting, highly detailed, 4k, café naïve größer straße
two small red triangles left of a blue circle on a dark background below the light grey hexagon 1234 5 67`;

const signs = Array.from({ length: 256 }, (_, byte) => byte);
const visible = (byte: number): boolean => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
let next = 256;
export const sign = signs.map((byte) => String.fromCharCode(visible(byte) ? byte : next++));

/** A word's bytes as signs, the last with the mark of the end. */
export function spelled(word: string): string[] {
  const parts = [...new TextEncoder().encode(word)].map((byte) => sign[byte]!);
  parts.push(`${parts.pop()}</w>`);
  return parts;
}

/** `vocab.json` and `merges.txt` with so many merges, the most frequent pair first. */
export function tinyClipFiles(count = 150): { vocabulary: string; merges: string } {
  const words = sentences
    .toLowerCase()
    .split(/[\s,]+/)
    .map(spelled);
  const merges: string[] = [];
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = `${word[i]} ${word[i + 1]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    const [best] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
    merges.push(best);
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) if (`${word[i]} ${word[i + 1]}` === best) word.splice(i, 2, word[i]! + word[i + 1]!);
  }
  const names = [...sign, ...sign.map((s) => `${s}</w>`), ...merges.map((m) => m.replace(" ", "")), "<|startoftext|>", "<|endoftext|>"];
  return {
    vocabulary: JSON.stringify(Object.fromEntries(names.map((name, i) => [name, i]))),
    merges: ["#version: 0.2", ...merges, ""].join("\n"),
  };
}
