import { ArgumentError } from "@gradus/tensor";

/** A plain description that a file can hold. */
export type Config = { readonly [key: string]: unknown };

/** An object that can be described and made again: layers, initializers, optimizers, ... */
export interface Serializable {
  getConfig(): Config;
}

export interface SerializableClass<T extends Serializable = Serializable> {
  /** Keras's name of the class; unlike the function's own name it survives minifiers. */
  readonly className: string;
  fromConfig(config: Config): T;
}

/** `{ className, config }`, as Keras's files spell it in their own case. */
export interface Serialized {
  readonly className: string;
  readonly config: Config;
}

/**
 * The classes of one kind by name. Looking up takes Keras's class name, the short name ("relu", "adam", "he_normal"), an
 * object, or what `serialize` gave.
 */
export class Registry<T extends Serializable> {
  private readonly kind: string;
  private readonly classes = new Map<string, SerializableClass<T>>();
  private readonly makers = new Map<string, (config: Config) => T>();

  constructor(kind: string) {
    this.kind = kind;
  }

  register(entry: SerializableClass<T>, ...names: string[]): void {
    this.classes.set(entry.className, entry);
    for (const name of names) this.makers.set(name, (config) => entry.fromConfig(config));
  }

  /** Names that files may use. */
  has(className: string): boolean {
    return this.classes.has(className);
  }

  get names(): string[] {
    return [...this.makers.keys()];
  }

  /** Throws ArgumentError for a name nobody registered. `config` is for what only a name is given of. */
  get(given: string | T | Serialized, config: Config = {}): T {
    if (typeof given === "string") {
      const maker = this.makers.get(given) ?? this.makers.get(snakeCase(given));
      const found = this.classes.get(given);
      if (maker) return maker(config);
      if (found) return found.fromConfig(config);
      throw new ArgumentError(this.kind, `unknown ${this.kind} ${JSON.stringify(given)}`, `Known names: ${this.names.join(", ")}`);
    }
    if (typeof given === "object" && given !== null && "className" in given && "config" in given)
      return this.deserialize(given as Serialized);
    return given as T;
  }

  deserialize({ className, config }: Serialized): T {
    const found = this.classes.get(className);
    if (!found)
      throw new ArgumentError(
        this.kind,
        `unknown class ${JSON.stringify(className)}`,
        `Register it first, or use one of ${[...this.classes.keys()].join(", ")}`,
      );
    return found.fromConfig(config);
  }
}

/** What `Registry.deserialize` takes. */
export function serialize(object: Serializable): Serialized {
  return { className: (object.constructor as unknown as SerializableClass).className, config: object.getConfig() };
}

/** "batchNormalization" and "BatchNormalization" → "batch_normalization", "Conv2D" → "conv2d", as Keras names layers. */
export function snakeCase(name: string): string {
  return name
    .replace(/(.)([A-Z][a-z]+)/g, "$1_$2")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();
}

/** "batch_normalization" → "batchNormalization". */
export const camelCase = (name: string): string => name.replace(/_+([a-z0-9])/g, (_, c: string) => c.toUpperCase());
