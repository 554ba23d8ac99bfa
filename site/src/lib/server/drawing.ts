import type { CustomContent } from "@gradus/notebook/output";
import type { Component } from "svelte";
import { render } from "svelte/server";
import { type CustomProps, renderers } from "../outputs/custom.ts";

const views = new Map<string, Component<CustomProps>>();
for (const [type, load] of renderers) views.set(type, (await load()).default);

/** A board or the like as it stands before any script runs; null where nobody draws its type. Made of our own lessons only. */
export function drawCustom({ type, data, alt, value }: CustomContent): string | null {
  const View = views.get(type);
  return View ? render(View, { props: { data, alt, value, send: null } }).body : null;
}
