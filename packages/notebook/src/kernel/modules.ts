import * as data from "@gradus/data";
import * as nn from "@gradus/nn";
import * as gpt from "@gradus/systems/gpt";
import * as tokenizers from "@gradus/systems/gpt/tokenizers";
import * as resnet from "@gradus/systems/resnet";
import * as zero from "@gradus/systems/zero";
import * as tensor from "@gradus/tensor";
import * as notebook from "../index.ts";

/** What cells can import. */
export const modules: Readonly<Record<string, object>> = {
  "@gradus/tensor": tensor,
  "@gradus/nn": nn,
  "@gradus/data": data,
  "@gradus/notebook": notebook,
  "@gradus/systems/resnet": resnet,
  "@gradus/systems/gpt": gpt,
  "@gradus/systems/gpt/tokenizers": tokenizers,
  "@gradus/systems/zero": zero,
};
