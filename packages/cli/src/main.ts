#!/usr/bin/env node
import { GradusError } from "@gradus/tensor";
import { Command, CommanderError, Option } from "commander";
import type { CaptionOptions } from "./commands/caption.ts";
import type { ClassifyOptions } from "./commands/classify.ts";
import type { DrawOptions } from "./commands/draw.ts";
import type { EvaluateCommandOptions } from "./commands/evaluate.ts";
import type { FoldCommandOptions } from "./commands/fold.ts";
import type { InductionCommandOptions } from "./commands/induction.ts";
import { info } from "./commands/info.ts";
import type { MatchCommandOptions } from "./commands/match.ts";
import type { PlayOptions } from "./commands/play.ts";
import type { QuantizeOptions } from "./commands/quantize.ts";
import type { SampleOptions } from "./commands/sample.ts";
import { tour } from "./commands/tour.ts";
import type { TrainCaptionerOptions } from "./commands/train-captioner.ts";
import type { TrainDiffusionOptions } from "./commands/train-diffusion.ts";
import type { TrainFoldOptions } from "./commands/train-fold.ts";
import type { TrainGptOptions } from "./commands/train-gpt.ts";
import type { TrainPicturesOptions } from "./commands/train-pictures.ts";
import type { TrainResNetOptions } from "./commands/train-resnet.ts";
import type { TrainZeroOptions } from "./commands/train-zero.ts";
import { collected, count, fewBits, list, notNegative, positive, positiveNumber, seed, share } from "./options.ts";
import { fileProblem } from "./system-errors.ts";
import { version } from "./version.ts";

const program = new Command("gradus")
  .description("Deep learning in TypeScript: arrays, gradients and training, from the terminal.")
  .version(version, "-V, --version", "print the version")
  .helpOption("-h, --help", "print this help")
  .helpCommand(false)
  .addHelpText(
    "after",
    "\nExamples:\n  gradus tour           see the library at work, in less than a minute\n  gradus info --json    versions and device, for bug reports and scripts\n  gradus train resnet --data cifar10 --recipe fast",
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

/** The options of every training: it can be stopped, and goes on. */
function resumable(command: Command, out?: string): Command {
  return command
    .option("--seed <n>", "same seed, same numbers", seed, 1)
    .option("--out <folder>", out ? "where everything goes" : "where everything goes (default: runs/NAME)", out)
    .option("--fresh", "start anew although there is a run, stopped or finished")
    .option("--json", "one JSON object a line");
}

const train = program.command("train").description("train one of the systems");
commands.push(
  train,
  resumable(
    train
      .command("resnet")
      .description("a residual network (He et al. 2016) on pictures; can be stopped and goes on")
      .requiredOption(
        "--data <path>",
        "a folder or archive with train/CLASS/ and test/CLASS/, CIFAR-10's binary files, or cifar10 to fetch these",
      )
      .option("--config <name>", "resnet20 to resnet110, resnet18 to resnet152; plain20, preresnet20, preresnet50, ...", "resnet20")
      .addOption(
        new Option("--recipe <name>", "paper: its schedule; fast: one cycle of the learning rate, in a fifth of the passes")
          .choices(["paper", "fast"])
          .default("paper"),
      )
      .option("--epochs <n>", "passes over the pictures (default: 164 paper, 30 fast)", positive)
      .option(
        "--batch-size <n>",
        "pictures a step (default: 128; of the networks for 224 × 224 pixels 32, from 101 layers on 16)",
        positive,
      )
      .option("--limit <n>", "train with so many of the pictures only, evenly chosen", positive)
      .addHelpText(
        "after",
        "\nExamples:\n  gradus train resnet --data cifar10 --config resnet20 --recipe fast\n  gradus train resnet --data photographs.tar.gz --config resnet18 --recipe fast --epochs 10 --out runs/photographs\n  gradus train resnet --data cifar10 --config plain56",
      )
      .action(async (options: TrainResNetOptions) => (await import("./commands/train-resnet.ts")).trainResNet(options)),
  ),
  resumable(
    train
      .command("gpt")
      .description("a language model (Radford et al. 2019) on a text, or one that there is on another text; can be stopped and goes on")
      .requiredOption("--data <file>", "a text in UTF-8: 90 % to train with, the rest to validate")
      .option("--config <name>", "small, baby, gpt2, gpt3-small, smollm-135m, ... (default: small)")
      .option("--tokenizer <kind>", "characters, or bpe:SIZE for byte pairs learned from the text (default: characters)")
      .option("--context <n>", "tokens that the network sees at once; with --from: tokens in a window", positive)
      .option("--layers <n>", "layers in place of the configuration's", positive)
      .option("--heads <n>", "heads of attention", positive)
      .option("--width <n>", "features of a token", positive)
      .option("--steps <n>", "updates of the weights (default: 2000 small, 5000 others, 500 with --from)", positive)
      .option("--batch-size <n>", "windows at a time (default: 12 small, 16 baby, 2 others, 8 with --from)", positive)
      .option("--accumulate <n>", "batches whose gradients make one update (default: 4 baby, 16 larger, else 1)", positive)
      .option("--rate <x>", "the highest learning rate; it rises to it, then falls along a cosine", positiveNumber)
      .option("--dropout <share>", "share dropped in training (default: 0.2 baby, else 0)", share)
      .option("--evaluate <n>", "steps from one evaluation, with a sample, to the next", positive)
      .option("--from <folder>", "train the model in this folder further: one of gradus train gpt or of Hugging Face")
      .option("--lora <rank>", "with --from: train changes of low rank (Hu et al. 2022) alone", positive)
      .addHelpText(
        "after",
        "\nExamples:\n  gradus train gpt --data shakespeare.txt --config small\n  gradus train gpt --data shakespeare.txt --config baby --batch-size 8 --accumulate 8\n  gradus train gpt --data code.txt --config small --tokenizer bpe:1024 --context 128 --out runs/code\n  gradus train gpt --data poems.txt --from runs/small --lora 8 --steps 300",
      )
      .action(async (options: TrainGptOptions) => (await import("./commands/train-gpt.ts")).trainGpt(options)),
  ),
  program
    .command("sample")
    .description("text by a language model: it goes on with a prompt")
    .option("--prompt <text>", "what to go on with, \\n for a new line; several times for several texts (default: a new line)", collected)
    .option("--tokens <n>", "at most so many new tokens", count, 200)
    .option("--seed <n>", "same seed, same text", count, 0)
    .option("--model <folder>", "a folder of gradus train gpt or of Hugging Face (default: the model that comes with Gradus)")
    .option("--bits <n>", "encode the model's weights with 8 or 4 bits: less memory, sooner read", fewBits)
    .option("--temperature <x>", "below 1 likely tokens gain, 0: always the likeliest (default: 0.8)", notNegative)
    .option("--top-k <n>", "only so many of the likeliest tokens", positive)
    .option("--top-p <share>", "only the likeliest that together have this probability", positiveNumber)
    .option("--min-p <share>", "only tokens at least this share as likely as the likeliest", notNegative)
    .option("--repetition-penalty <x>", "above 1: what was said before becomes less likely", positiveNumber)
    .option("--stop <text>", "end before this; several times for several", collected)
    .option("--beams <n>", "the likeliest texts by beam search, in place of chance", positive)
    .option("--draft <folder>", "a smaller model with the same tokens that guesses ahead: texts of the same probabilities, sooner")
    .option("--lookahead <n>", "tokens that the draft guesses at a time", positive)
    .option("--probabilities", "a line a token, with the likeliest ones")
    .option("--json", "one JSON object a text")
    .addHelpText(
      "after",
      '\nExamples:\n  gradus sample --prompt "ROMEO:"\n  gradus sample --prompt "ROMEO:" --prompt "JULIET:" --tokens 300 --seed 7 --json\n  gradus sample --model runs/small --prompt "To be" --temperature 0 --stop "\\n"\n  gradus sample --prompt "The king" --beams 4 --tokens 40',
    )
    .action(async (options: SampleOptions) => (await import("./commands/sample.ts")).sample(options)),
  program
    .command("classify")
    .description("what is on pictures: JPEG and PNG files, or folders of them")
    .argument("<image...>", "files or folders")
    .option("--model <name>", "the network", "resnet20")
    .option("--weights <file>", "its weights as .safetensors: torchvision's, or those of gradus train resnet; resnet20 comes with some")
    .option("--top <n>", "so many classes a picture", count, 5)
    .option(
      "--resize <n>",
      "pixels of the shorter side before the middle is cut out (default: 256 of 224; torchvision's V2: 232)",
      positive,
    )
    .option("--json", "one JSON object a picture: file, top: [{ class, probability }]")
    .addHelpText(
      "after",
      "\nExamples:\n  gradus classify cat.jpg\n  gradus classify cat.jpg --model resnet50 --weights resnet50.safetensors\n  gradus classify photographs/ --weights runs/resnet20/weights.safetensors --json",
    )
    .action(async (paths: string[], options: ClassifyOptions) => (await import("./commands/classify.ts")).classify(paths, options)),
);
commands.push(
  resumable(
    train
      .command("captioner")
      .description("a vision transformer and a language network on drawn scenes and their captions; can be stopped and goes on")
      .option("--steps <n>", "steps", positive, 4000)
      .option("--batch-size <n>", "scenes a step", positive, 32)
      .option("--rate <x>", "highest learning rate", positiveNumber, 0.0015)
      .option("--scenes <n>", "unseen scenes that captions are judged on at the end", positive, 2000)
      .addHelpText("after", "\nExamples:\n  gradus train captioner\n  gradus train captioner --steps 8000 --out runs/longer")
      .action(async (options: TrainCaptionerOptions) => (await import("./commands/train-captioner.ts")).trainCaptioner(options)),
    "runs/captioner",
  ),
  program
    .command("caption")
    .description("what drawn scenes show, in words: PNG and JPEG files of 48 × 48 pixels")
    .argument("[image...]", "files")
    .option("--model <folder>", "what gradus train captioner wrote (default: the captioner that comes with Gradus)")
    .option("--draw <folder>", "draws twelve unseen scenes there, and captions them")
    .option("--evaluate <n>", "tells how often colour, shape, count and position are right on so many unseen scenes", positive)
    .option("--seed <n>", "of the scenes that are drawn", count, 1)
    .option("--json", "one JSON object a picture: file, caption")
    .addHelpText(
      "after",
      "\nExamples:\n  gradus caption --draw scenes\n  gradus caption scenes/scene-1.png --json\n  gradus caption --evaluate 2000",
    )
    .action(async (paths: string[], options: CaptionOptions) => (await import("./commands/caption.ts")).caption(paths, options)),
  program
    .command("quantize")
    .description("a language model with weights of 8 or 4 bits, in a folder of its own")
    .argument("<model>", "a folder of gradus train gpt or of Hugging Face")
    .requiredOption("--bits <n>", "8 or 4", fewBits)
    .requiredOption("--out <folder>", "where it goes")
    .addHelpText("after", "\nExamples:\n  gradus quantize runs/baby --bits 8 --out runs/baby-8\n  gradus sample --model runs/baby-8")
    .action(async (model: string, options: QuantizeOptions) => (await import("./commands/quantize.ts")).quantizeModel(model, options)),
  program
    .command("evaluate")
    .description("what a language model makes of examples in its prompt (Brown et al. 2020): tasks zero-, one- and few-shot")
    .option("--model <folder>", "a folder of gradus train gpt or of Hugging Face (default: the model that comes with Gradus)")
    .option("--bits <n>", "encode the model's weights with 8 or 4 bits: less memory, sooner read", fewBits)
    .requiredOption(
      "--task <task...>",
      "2d-addition to 5d-subtraction, 2d-multiplication, 1d-composite, cycle-letters, anagrams-1, anagrams-2, random-insertion, reversed-words, all, or a file of items as JSON or JSON Lines",
    )
    .addOption(new Option("--shots <counts>", "solved examples in the prompt, such as 0,1,8").argParser(list).default([0], "0"))
    .addOption(
      new Option("--by <way>", "how answers are judged (default: likelihood of choices, generation without)").choices([
        "likelihood",
        "generation",
      ]),
    )
    .addOption(
      new Option(
        "--normalise <way>",
        'what choices are compared by: log-probability per token, in all less that after "Answer:", or in all',
      )
        .choices(["token", "unconditional", "none"])
        .default("token"),
    )
    .option("--examples <n>", "questions (default: 100, or as many as there are)", positive)
    .option("--words <file>", "a text whose words are scrambled")
    .option("--fewer", "take fewer shots where a prompt does not fit into the context")
    .option("--seed <n>", "same seed, same questions", count, 1)
    .option("--json", "one JSON object a line: each answer, and each result")
    .addHelpText(
      "after",
      '\nAn item of a file: { "context": "lull is to trust as", "choices": ["cajole is to compliance", "..."], "answer": 0 }\n\nExamples:\n  gradus evaluate --model SmolLM-135M --task 2d-addition --shots 0,1,8\n  gradus evaluate --model runs/small --task analogies.jsonl --by likelihood --normalise unconditional\n  gradus evaluate --model SmolLM-135M --task all --shots 8 --fewer --json',
    )
    .action(async (options: EvaluateCommandOptions) => (await import("./commands/evaluate.ts")).evaluateModel(options)),
);
commands.push(
  resumable(
    train
      .command("diffusion")
      .description("text to image (Rombach et al. 2022) on drawn scenes, or pictures like those of a file; can be stopped and goes on")
      .option("--steps <n>", "steps of the denoiser (default: 12000, with --data 10000)", positive)
      .option("--batch-size <n>", "pictures a step (default: 64)", positive)
      .option("--rate <x>", "the denoiser's highest learning rate (default: 0.0015, with --data 0.001)", positiveNumber)
      .option("--from <folder>", "let the model of this run learn on in place of a new one")
      .option(
        "--data <path>",
        "learn pictures: a folder or archive with a folder a class, CIFAR-10's binary files, MNIST's or Fashion-MNIST's; or cifar10, mnist, fashion-mnist to fetch these",
      )
      .option("--unconditional", "with --data: without classes")
      .addOption(
        new Option(
          "--network <name>",
          "with --data: unet and dit (Peebles & Xie 2023) for two cores, or larger ones (default: unet)",
        ).choices([...["unet", "dit", "unet-ddpm", "dit-s", "dit-b"]]),
      )
      .option("--size <n>", "with --data: bring all pictures to this side", positive)
      .option("--limit <n>", "with --data: train with so many of the pictures only, evenly chosen", positive)
      .option("--samples <n>", "with --data: pictures that are drawn and judged at the end (default: 500)", positive)
      .option("--autoencoder-steps <n>", "of scenes: steps of the autoencoder before (default: 3000)", positive)
      .option("--sketch-steps <n>", "of scenes: steps of words and sketch before the denoiser's (default: 6000)", positive)
      .option(
        "--snr-least <x>",
        "of scenes: stronger noise than this ratio of signal to noise counts as if it were this, up to 5 (default: 0); 1 teaches numbers, once shapes are learned",
        notNegative,
      )
      .option("--scenes <n>", "of scenes: how many the denoiser learns from (default: 100000)", positive)
      .option("--autoencoder <folder>", "of scenes: take the autoencoder of this run in place of training one")
      .option("--captions <n>", "of scenes: unseen captions that are drawn and judged at the end (default: 500)", positive)
      .addHelpText(
        "after",
        "\nExamples:\n  gradus train diffusion\n  gradus train diffusion --steps 20000 --autoencoder runs/diffusion --out runs/longer\n  gradus train diffusion --data fashion-mnist --steps 5000 --out runs/clothes\n  gradus train diffusion --data photographs/ --size 32 --unconditional --network dit",
      )
      .action(async (options: TrainDiffusionOptions & Partial<TrainPicturesOptions>) => {
        const { data } = options;
        if (data === undefined) await (await import("./commands/train-diffusion.ts")).trainDiffusion(options);
        else await (await import("./commands/train-pictures.ts")).trainOnPictures({ ...options, data });
      }),
  ),
  resumable(
    train
      .command("fold")
      .description("a network like AlphaFold 2 (Jumper et al. 2021) on structures of proteins; can be stopped and goes on")
      .option(
        "--data <path>",
        "a folder or archive of structures (.cif, .pdb, packed or not), and alignments (.a3m, .sto) of their chains; default: chains made by rule",
      )
      .option("--config <name>", "mini (2 blocks, the sequence alone), small (4 blocks), or one of AlphaFold's", "mini")
      .option("--steps <n>", "updates of the weights", positive, 2000)
      .option("--batch-size <n>", "chains of one update", positive, 8)
      .option("--rate <x>", "the highest learning rate", positiveNumber, 0.001)
      .option("--crop <n>", "residues that are seen at once (default: the longest chain, at most 256)", positive)
      .option("--chains <n>", "chains made by rule to learn from", positive, 20_000)
      .option("--held-out <share>", "share of the chains that are kept from training, whole families", share, 0.15)
      .option("--max-residues <n>", "leave longer chains out", positive, 2000)
      .option("--dropout", "drop as AlphaFold's training does: for much data")
      .option("--from <folder>", "train the network of this run further")
      .addHelpText(
        "after",
        "\nExamples:\n  gradus train fold\n  gradus train fold --data structures/ --config small --max-residues 128 --out runs/structures",
      )
      .action(async (options: TrainFoldOptions) => (await import("./commands/train-fold.ts")).trainFoldCommand(options)),
    "runs/fold",
  ),
  program
    .command("draw")
    .description("pictures from words, by latent diffusion")
    .argument("[prompt...]", "what they show")
    .option(
      "--model <folder>",
      "what gradus train diffusion wrote, or Stable Diffusion 1.5 in diffusers' layout (default: the model that comes with Gradus, which draws scenes of coloured shapes)",
    )
    .option("--class <name>", "of a model of gradus train diffusion --data; several times for a row each (default: any)", collected)
    .option("--negative <prompt>", "what they should be led away from")
    .option("--seed <n>", "same seed, same picture", seed, 0)
    .option("--steps <n>", "from noise to picture", positive, 20)
    .option(
      "--guidance <x>",
      "how far words or class lead, up to 1000; 1: without guidance (default: 3 for scenes, 7.5 for Stable Diffusion, 2 for classes)",
      notNegative,
    )
    .addOption(
      new Option("--sampler <name>", "the way from noise to picture").choices([
        "ddim",
        "ddpm",
        "dpm++2m",
        "euler",
        "euler-ancestral",
        "lms",
        "pndm",
      ]),
    )
    .option("--count <n>", "so many pictures, with the seeds that follow, as a grid (default: 1)", positive)
    .option("--width <n>", "pixels, a multiple of 8 (default: what the model was made for)", positive)
    .option("--height <n>", "pixels, a multiple of 8 (default: what the model was made for)", positive)
    .option("--image <file>", "a picture to begin with, the middle of it where its shape is another")
    .option("--strength <share>", "how much of it is forgotten, up to 1 (default: 0.8, with a mask 1)", positiveNumber)
    .option("--mask <file>", "a picture of the same shape, light where the other is to be painted over")
    .option("--out <file.png>", "where it goes (default: picture.png)")
    .option("--animation <file.gif>", "how the noise becomes the picture")
    .option(
      "--evaluate <n>",
      "draws so many captions never seen, and as many with kinds never seen; tells what of it is right, and how pictures of one caption differ",
      positive,
    )
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      '\nExamples:\n  gradus draw "a red triangle above a blue square" --seed 1 --steps 20 --out image.png\n  gradus draw "two small yellow rings on a black background" --count 9 --animation rings.gif\n  gradus draw "a large green circle" --image image.png --strength 0.6\n  gradus draw "a photograph of a lighthouse" --model stable-diffusion-v1-5 --steps 25\n  gradus draw --model runs/clothes --class trouser --class bag --count 8\n  gradus draw --evaluate 200',
    )
    .action(async (words: string[], options: DrawOptions) => {
      const prompt = words.length ? words.join(" ") : undefined;
      await (await import("./commands/draw.ts")).draw(prompt, options);
    }),
);
commands.push(
  resumable(
    train
      .command("zero")
      .description("AlphaZero (Silver et al. 2018): a game learned from games against itself; can be stopped and goes on")
      .requiredOption("--game <name>", "tictactoe, connect4, othello, go5 to go19 (go9:5.5 with another komi), chess, shogi")
      .option("--games <n>", "games of the whole run (default: by game)", positive)
      .option("--simulations <n>", "simulations a move, at most a million (default: by game)", positive)
      .addOption(new Option("--search <kind>", "gumbel learns with few simulations, puct is the paper's").choices(["gumbel", "puct"]))
      .option("--filters <n>", "channels of the network, at most 1024", positive)
      .option("--blocks <n>", "residual blocks of the network, at most 100", positive)
      .option("--threads <n>", "games are played on so many cores (default: all, at most 64); other threads, other games", positive)
      .option("--from <folder>", "begin with the weights of another run, for Go also of another size of board")
      .addHelpText(
        "after",
        "\nExamples:\n  gradus train zero --game tictactoe\n  gradus train zero --game connect4 --games 4000 --out runs/short\n  gradus train zero --game go7 --from runs/zero-go5 --filters 32 --blocks 3",
      )
      .action(async (options: TrainZeroOptions) => (await import("./commands/train-zero.ts")).trainZero(options)),
  ),
);
commands.push(
  program
    .command("play")
    .description("a game in the terminal against a network that has learned it")
    .argument("<game>", "tictactoe, connect4, othello, go5 to go19 (go9:5.5 with another komi), chess, shogi")
    .option(
      "--weights <folder>",
      "what gradus train zero wrote (default: the network that comes with Gradus: tictactoe, connect4, go5, go7)",
    )
    .option("--simulations <n>", "how far it looks: positions a move (default: 400)", positive)
    .option("--seconds <x>", "how long it thinks a move, in place of simulations", positiveNumber)
    .addOption(new Option("--side <who>", "whose moves you type").choices(["first", "second", "both", "none"]).default("first"))
    .option("--position <text>", "begin there, in the game's own notation")
    .option("--seed <n>", "same seed, same moves", count, 1)
    .option("--gtp", "speak the Go Text Protocol instead: for Sabaki, GoGui and other programs")
    .option("--uci", "chess: speak UCI instead: for Cute Chess and other programs")
    .option("--usi", "shogi: speak USI instead")
    .option("--json", "one JSON object a move, for the answer to anything else that is typed, and at the end")
    .addHelpText(
      "after",
      "\nExamples:\n  gradus play connect4\n  gradus play connect4 --side second --simulations 50\n  gradus play tictactoe --weights runs/zero-tictactoe --side none\n  gradus play chess --side both\n  gradus play go9 --gtp --simulations 800",
    )
    .action(async (game: string, options: PlayOptions & { readonly gtp?: boolean; readonly uci?: boolean; readonly usi?: boolean }) => {
      if (options.uci || options.usi)
        await (await import("./commands/play-protocol.ts")).speakUniversal(game, options.uci ? "uci" : "usi", options);
      else if (options.gtp) await (await import("./commands/play-protocol.ts")).speakGtp(game, options);
      else await (await import("./commands/play.ts")).play(game, options);
    }),
  program
    .command("match")
    .description("games between two players of any kind, with sides changed, and what they say about strength")
    .argument("<game>", "tictactoe, connect4, othello, go5 to go19 (go9:5.5 with another komi), chess, shogi")
    .option(
      "--first <player>",
      'network, network:FOLDER, random, or another program: "gtp:gnugo --mode gtp", "uci:stockfish", "usi:..."; NAME= before it names it',
      "network",
    )
    .option("--second <player>", "likewise", "random")
    .option("--games <n>", "games; an even number is fair", positive, 20)
    .option("--concurrency <n>", "games at the same time", positive, 2)
    .option("--simulations <n>", "positions that a network looks at for a move", positive, 400)
    .option("--seconds <x>", "seconds a move, in place of simulations, for other programs too", positiveNumber)
    .option(
      "--patience <x>",
      "seconds over those for a move after which a program has lost, and that it may take to answer anything (default: 5 over --seconds, else 120)",
      positiveNumber,
    )
    .option(
      "--opening <n>",
      "moves of chance that games begin with; each such beginning is played twice (default: 2 between networks that always answer the same, else 0)",
      count,
    )
    .option("--seed <n>", "same seed, same openings", count, 1)
    .option("--out <folder>", "the games as files: SGF, PGN, KIF")
    .option("--json", "one JSON object a game, and one at the end")
    .addHelpText(
      "after",
      '\nExamples:\n  gradus match connect4 --first network --second random --opening 4\n  gradus match go9 --second "gtp:gnugo --mode gtp --level 10 --chinese-rules --capture-all-dead" --games 100 --out games\n  gradus match tictactoe --first network:runs/a --second network:runs/b --opening 2',
    )
    .action(async (game: string, options: MatchCommandOptions) => (await import("./commands/match.ts")).playMatches(game, options)),
);
commands.push(
  program
    .command("fold")
    .description("structures of proteins from their sequences, by AlphaFold 2 (Jumper et al. 2021)")
    .argument("<fasta>", "sequences, folded one after the other")
    .option(
      "--weights <path>",
      "an official params_model_N.npz, or a folder of gradus train fold (default: the small network that comes with Gradus, which knows helices and hairpins made by rule, no proteins)",
    )
    .option("--config <name>", "which network an .npz file is of (default: as its name says): model_1 to model_5, with _ptm or without")
    .option("--msa <files...>", "alignments of relatives (A3M or Stockholm); each begins with the sequence that it belongs to")
    .option("--server <url>", "fetch alignments from a server that speaks ColabFold's protocol; the sequences are sent to it")
    .option("--single-sequence", "fold from the sequence alone, with weights that were trained on alignments too")
    .option("--templates <structures...>", "structures of relatives: mmCIF or PDB files or PDB ids, with a chain or without (2RBG:A)")
    .option("--compare <structure>", "lay the prediction upon an experiment, a file or a PDB id, and tell how near it comes")
    .option("--recycles <n>", "passes after the first (default: 3)", count)
    .option("--chunk <n>", "rows that are worked on at a time: fewer take less memory, and longer", positive)
    .option("--seed <n>", "same seed, same structure", count, 0)
    .option("--no-relax", "leave bonds and clashes as the network has them")
    .requiredOption("--out <folder>", "where NAME.cif, NAME.pdb, NAME.pae.json and NAME.html go")
    .option("--json", "one JSON object a line: what it takes, blocks, passes, results")
    .addHelpText(
      "after",
      "\nExamples:\n  gradus fold helix.fasta --out folded\n  gradus fold protein.fasta --msa protein.a3m --weights params_model_1_ptm.npz --chunk 64 --out folded\n  gradus fold protein.fasta --server https://api.colabfold.com --weights params_model_1.npz --templates 2RBG:A --out folded\n  gradus fold protein.fasta --weights runs/fold --single-sequence --compare 1A8O --json --out folded",
    )
    .action(async (fasta: string, options: FoldCommandOptions) => (await import("./commands/fold.ts")).fold(fasta, options)),
);
const experiment = program.command("experiment").description("small experiments, each with a report");
commands.push(
  experiment,
  experiment
    .command("induction")
    .description("in-context learning arises in a small network: induction heads (Olsson et al. 2022)")
    .addOption(new Option("--layers <counts>", "networks to compare, by their layers").argParser(list).default([1, 2], "1,2"))
    .option("--steps <n>", "updates of the weights of each (default: 1000)", positive)
    .option("--seed <n>", "same seed, same numbers", count, 1)
    .option("--out <folder>", "where report and numbers go", "runs/induction")
    .option("--json", "one JSON object a line")
    .addHelpText(
      "after",
      "\nExamples:\n  gradus experiment induction\n  gradus experiment induction --layers 1,2,3 --seed 2 --out runs/induction-2",
    )
    .action(async (options: InductionCommandOptions) => (await import("./commands/induction.ts")).inductionExperiment(options)),
);
for (const command of commands) command.allowExcessArguments(false).copyInheritedSettings(program);

// Whoever reads the output may have seen enough: `gradus sample | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

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
    const problem = fileProblem(error);
    if (problem !== null) {
      process.stderr.write(`gradus: ${problem}\n`);
      return 1;
    }
    if (!(error instanceof GradusError)) throw error;
    // Commands name themselves; what they use does not know of them.
    const { message } = error;
    process.stderr.write(message.startsWith("gradus ") ? `${message}\n` : `gradus: ${message}\n`);
    return 1;
  }
}

process.exitCode = await main();
