/** Every error Gradus throws on purpose: operation, what is wrong with which value, and the likely fix. */
export class GradusError extends Error {
  readonly operation: string;
  readonly problem: string;
  readonly fix: string | undefined;

  constructor(operation: string, problem: string, fix?: string) {
    super(`${operation}: ${problem}${fix ? `. ${fix}` : ""}`);
    this.name = new.target.name;
    this.operation = operation;
    this.problem = problem;
    this.fix = fix;
  }
}

/** Shapes that do not fit each other or the operation. */
export class ShapeError extends GradusError {}
/** A number type the operation does not take. */
export class DTypeError extends GradusError {}
/** An axis or an index outside its range. */
export class IndexError extends GradusError {}
/** An argument of the wrong kind or value. */
export class ArgumentError extends GradusError {}
/** A file that is not what its name says: truncated, corrupt, or hostile. */
export class FormatError extends GradusError {}
/** The backend has no memory left for a request; the engine still works. */
export class OutOfMemoryError extends GradusError {}
/** A value used after it was given back, or in a state that does not allow the call. */
export class StateError extends GradusError {}
