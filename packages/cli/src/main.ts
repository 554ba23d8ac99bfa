#!/usr/bin/env node
import { GradusError } from "@gradus/tensor";
import { Command, CommanderError } from "commander";
import { info } from "./commands/info.ts";
import { tour } from "./commands/tour.ts";
import { version } from "./version.ts";

const program = new Command("gradus")
  .description("Deep learning in TypeScript: arrays, gradients and training, from the terminal.")
  .version(version, "-V, --version", "print the version")
  .helpOption("-h, --help", "print this help")
  .helpCommand(false)
  .addHelpText(
    "after",
    "\nExamples:\n  gradus tour           see the library at work, in less than a minute\n  gradus info --json    versions and device, for bug reports and scripts",
  )
  .configureOutput({ outputError: (message, write) => write(`gradus: ${message.replace(/^error: /, "")}`) })
  .exitOverride();

const commands = [
  program
    .command("tour")
    .description("arrays, a gradient, and a network trained on real data")
    .option("--quick", "train for a few steps only")
    .addHelpText("after", "\nExamples:\n  gradus tour\n  gradus tour --quick\n  NO_COLOR=1 gradus tour > tour.txt")
    .action(tour),
  program
    .command("info")
    .description("versions, device, threads and memory")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExamples:\n  gradus info\n  GRADUS_DEVICE=reference gradus info\n  gradus info --json")
    .action(info),
];
for (const command of commands) command.allowExcessArguments(false).copyInheritedSettings(program);

/** 0 after help and version, 2 where the command line makes no sense, 1 where the work failed. */
async function main(): Promise<number> {
  if (process.argv.length === 2) {
    program.outputHelp();
    return 0;
  }
  try {
    await program.parseAsync();
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof GradusError)) throw error;
    process.stderr.write(`gradus: ${error.message}\n`);
    return 1;
  }
}

process.exitCode = await main();
