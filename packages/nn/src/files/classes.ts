import { FormatError } from "@gradus/tensor";
import { layerRegistry } from "../layer.ts";
import type { Serialized } from "../serialize.ts";

/** Throws FormatError that lists all layers in a description, at any depth, whose classes nobody registered. */
export function checkClasses(model: Serialized): void {
  const unknown = unknownClasses(model);
  if (!unknown.length) return;
  throw new FormatError(
    "loadModel",
    `the file uses layers that are not known here: ${unknown.join(", ")}`,
    "Register them first: layerRegistry.register(MyLayer)",
  );
}

function unknownClasses(model: Serialized): string[] {
  const found = new Set<string>();
  const visit = (layer: unknown): void => {
    if (typeof layer !== "object" || layer === null) return;
    const { className, config } = layer as Partial<Serialized>;
    if (typeof className === "string" && !layerRegistry.has(className)) found.add(className);
    const { layers, layer: wrapped, backwardLayer } = (config ?? {}) as Record<string, unknown>;
    if (Array.isArray(layers)) layers.forEach(visit);
    visit(wrapped);
    visit(backwardLayer);
  };
  visit(model);
  return [...found];
}
