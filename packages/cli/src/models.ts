import { type LanguageModel, loadLanguageModel } from "@gradus/systems/gpt";

/** The language model in a folder, whatever wrote it. FormatError where there is none. */
export const loadModel = (folder: string): Promise<LanguageModel> => loadLanguageModel(folder);
