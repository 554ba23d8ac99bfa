import { readFileSync } from "node:fs";

export const species = ["setosa", "versicolor", "virginica"] as const;

/** One flower: length and width of its petals in centimetres, and which species it is (0, 1 or 2). */
export interface Flower {
  readonly petal: readonly [length: number, width: number];
  readonly species: number;
}

/** Fisher's 150 irises of 1936; see data/README.md. */
export function irises(): Flower[] {
  const text = readFileSync(new URL("../data/iris.csv", import.meta.url), "utf8");
  return text
    .trim()
    .split("\n")
    .slice(1)
    .map((row) => {
      const [, , length, width, name] = row.split(",");
      return { petal: [Number(length), Number(width)], species: species.indexOf(name as (typeof species)[number]) };
    });
}
