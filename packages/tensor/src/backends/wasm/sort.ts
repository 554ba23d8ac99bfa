import type { OpaqueKernel } from "../../compile/kernel.ts";
import { bytesOf, type DType } from "../../dtype.ts";
import type { Attributes } from "../../graph/primitives.ts";
import type { FunctionBuilder, Local } from "./assembler.ts";
import { keyType, pushKey } from "./keys.ts";
import { type AxisCode, around, columnBlock, columnUnits, copyOps, eachUnit, pushAt, pushBlock, repeat, tableEntry } from "./lines.ts";

/** Lines up to this long are sorted by insertion. */
const shortLine = 48;
/**
 * Between these lengths digits have 11 bits rather than 8: fewer rounds, but 2048 counters, which cost too much on shorter
 * lines, and as many places to write at, too many for the caches on longer ones. Measured.
 */
const longLine = 2048;
const hugeLine = 2 ** 18;
/** Columns that are brought together in scratch to be sorted: a cache line of float32, if they fit in this many bytes. */
const gatheredColumns = 16;
const gatheredBytes = 2 ** 22;

const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/** `argsort`: lines are sorted one by one, each by a radix sort (least digit first, so stable) of keys with indices. */
export function planArgsort({ node }: OpaqueKernel, { axis, descending }: Attributes["argsort"]): AxisCode {
  const { dtype } = node.inputs[0]!;
  const bytes = bytesOf(dtype);
  const split = around(node.shape, axis);
  const { outer, n, inner } = split;
  const sorter = new LineSorter(dtype, n, descending);
  if (inner === 1)
    return {
      units: outer,
      work: 16 * n,
      workspace: sorter.workspace,
      emit(f, workspace) {
        const [x, out] = [tableEntry(f, 0), tableEntry(f, 1)];
        const [from, to, work] = [f.local("i32"), f.local("i32"), f.local("i32")];
        eachUnit(f, (row) => {
          pushAt(f, x, row, n * bytes).set(from);
          pushAt(f, out, row, n * 4).set(to);
          workspace(row);
          f.set(work);
          sorter.emit(f, from, to, work);
        });
      },
    };

  const lineBytes = n * (bytes + 4);
  const block = Math.max(1, Math.min(inner, gatheredColumns, Math.floor(gatheredBytes / lineBytes)));
  const values = align(block * n * bytes);
  const orders = align(block * n * 4);
  const [load, store] = copyOps[bytes]!;
  return {
    units: columnUnits(split, block),
    work: 20 * n * block,
    workspace: values + orders + sorter.workspace,
    emit(f, workspace) {
      const [x, out] = [tableEntry(f, 0), tableEntry(f, 1)];
      const [near, order, work, far] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
      const [from, to, at] = [f.local("i32"), f.local("i32"), f.local("i32")];
      eachUnit(f, (unit) => {
        const columns = columnBlock(f, unit, split, block);
        workspace(unit);
        f.tee(near).i32(values).op("i32.add").tee(order).i32(orders).op("i32.add").set(work);
        pushBlock(f, x, columns, split, bytes);
        f.set(far);
        repeat(f, n, (i) => {
          pushAt(f, near, i, bytes).set(at);
          repeat(f, columns.width, (c) => {
            f.get(at);
            pushAt(f, far, c, bytes).load(load).store(store);
            f.get(at)
              .i32(n * bytes)
              .op("i32.add")
              .set(at);
          });
          f.get(far)
            .i32(inner * bytes)
            .op("i32.add")
            .set(far);
        });
        repeat(f, columns.width, (c) => {
          pushAt(f, near, c, n * bytes).set(from);
          pushAt(f, order, c, n * 4).set(to);
          sorter.emit(f, from, to, work);
        });
        pushBlock(f, out, columns, split, 4);
        f.set(far);
        repeat(f, n, (i) => {
          pushAt(f, order, i, 4).set(at);
          repeat(f, columns.width, (c) => {
            pushAt(f, far, c, 4).get(at).load("i32.load").store("i32.store");
            f.get(at)
              .i32(n * 4)
              .op("i32.add")
              .set(at);
          });
          f.get(far)
            .i32(inner * 4)
            .op("i32.add")
            .set(far);
        });
      });
    },
  };
}

/** Sorts a contiguous line of n elements. A record is a key and an index: one i64, or an i64 key with the index after it. */
class LineSorter {
  /** Bytes needed: counters, and two arrays of records. */
  readonly workspace: number;
  private readonly dtype: DType;
  private readonly n: number;
  private readonly descending: boolean;
  private readonly key: "i32" | "i64";
  private readonly record: number;
  private readonly digitBits: number;
  private readonly digits: number;
  private readonly counters: number;
  private readonly records: number;

  constructor(dtype: DType, n: number, descending: boolean) {
    this.dtype = dtype;
    this.n = n;
    this.descending = descending;
    this.key = keyType(dtype);
    this.record = this.key === "i64" ? 16 : 8;
    const keyBits = 8 * bytesOf(dtype);
    this.digitBits = n >= longLine && n <= hugeLine && keyBits > 16 ? 11 : 8;
    this.digits = n <= shortLine ? 0 : Math.ceil(keyBits / this.digitBits);
    this.counters = this.digits * 4 * 2 ** this.digitBits;
    this.records = align(n * this.record);
    this.workspace = this.counters + (n <= shortLine ? 1 : 2) * this.records;
  }

  /** Writes to `to` the int32 indices that sort the elements at `from`. */
  emit(f: FunctionBuilder, from: Local, to: Local, work: Local): void {
    f.scope(() => {
      if (this.n === 1) f.get(to).i32(0).store("i32.store");
      else if (this.n <= shortLine) this.insertion(f, from, to, work);
      else this.radix(f, from, to, work);
    });
  }

  private insertion(f: FunctionBuilder, from: Local, to: Local, work: Local): void {
    const { record, dtype, descending, key, n } = this;
    const [added, other] = [f.local("i64"), f.local("i64")];
    const at = f.local("i32");
    const bytes = bytesOf(dtype);
    repeat(f, n, (i) => {
      pushAt(f, from, i, bytes);
      pushKey(f, dtype, descending);
      // Packed with its index no key is equal to another, so that their order is stable by itself.
      if (key === "i32") f.op("i64.extend_i32_u").i64(32).op("i64.shl").get(i).op("i64.extend_i32_u").op("i64.or");
      f.set(added);
      pushAt(f, work, i, record).set(at);
      f.block((placed) => {
        f.loop((again) => {
          f.get(at).get(work).op("i32.le_u").br_if(placed);
          f.get(at).i32(record).op("i32.sub").load("i64.load").tee(other).get(added).op("i64.le_u").br_if(placed);
          f.get(at).get(other).store("i64.store");
          if (record === 16) f.get(at).get(at).i32(8).op("i32.sub").load("i32.load").store("i32.store", 8);
          f.get(at).i32(record).op("i32.sub").set(at).br(again);
        });
      });
      f.get(at).get(added).store("i64.store");
      if (record === 16) f.get(at).get(i).store("i32.store", 8);
    });
    repeat(f, n, (i) => {
      pushAt(f, to, i, 4);
      pushAt(f, work, i, record)
        .load("i32.load", record === 16 ? 8 : 0)
        .store("i32.store");
    });
  }

  private radix(f: FunctionBuilder, from: Local, to: Local, work: Local): void {
    const { n, digits, digitBits, counters, records, record, dtype, descending, key } = this;
    const table = 4 * 2 ** digitBits;
    f.get(work).i32(0).i32(counters).memoryFill();
    this.count(f, from, work);
    // A digit that all keys share sorts nothing.
    const [lastDigit, digit, counts, shift] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local(key)];
    const first = f.local(key);
    f.get(from);
    pushKey(f, dtype, descending);
    f.set(first);
    const useful = () => {
      this.pushCounter(f, counts, () => f.get(first).get(shift).op(`${key}.shr_u`));
      f.load("i32.load").i32(n).op("i32.ne");
    };
    const eachDigit = (body: () => void) =>
      repeat(f, digits, (d) => {
        f.get(d).set(digit);
        pushAt(f, work, d, table).set(counts);
        f.get(d).i32(digitBits).op("i32.mul");
        if (key === "i64") f.op("i64.extend_i32_u");
        f.set(shift);
        useful();
        f.if_(body);
      });
    f.i32(-1).set(lastDigit);
    eachDigit(() => f.get(digit).set(lastDigit));

    const [source, target, spare, final] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
    f.i32(0).set(source);
    f.get(work).i32(counters).op("i32.add").tee(target).i32(records).op("i32.add").set(spare);
    eachDigit(() => {
      f.get(digit).get(lastDigit).op("i32.eq").set(final);
      // Counts become the address where the next record with that digit goes.
      const [next, size, count] = [f.local("i32"), f.local("i32"), f.local("i32")];
      f.get(to).get(target).get(final).select().set(next);
      f.i32(4).i32(record).get(final).select().set(size);
      repeat(f, 2 ** digitBits, (i) => {
        const at = f.local("i32");
        pushAt(f, counts, i, 4).tee(at).load("i32.load").set(count);
        f.get(at).get(next).store("i32.store");
        f.get(count).get(size).op("i32.mul").get(next).op("i32.add").set(next);
      });
      const variants = (fresh: boolean) =>
        f.get(final).if_(
          () => this.distribute(f, fresh ? from : source, counts, shift, fresh, true),
          () => this.distribute(f, fresh ? from : source, counts, shift, fresh, false),
        );
      f.get(source)
        .op("i32.eqz")
        .if_(
          () => variants(true),
          () => variants(false),
        );
      f.get(target).set(source).get(spare).set(target).get(source).set(spare);
    });
    f.get(lastDigit)
      .i32(0)
      .op("i32.lt_s")
      .if_(() => {
        repeat(f, n, (i) => {
          pushAt(f, to, i, 4).get(i).store("i32.store");
        });
      });
  }

  /** Counts how often each value of each digit occurs. */
  private count(f: FunctionBuilder, from: Local, work: Local): void {
    const { n, digits, digitBits, dtype, descending, key } = this;
    const [k, at] = [f.local(key), f.local("i32")];
    repeat(f, n, (i) => {
      pushAt(f, from, i, bytesOf(dtype));
      pushKey(f, dtype, descending);
      f.set(k);
      for (let d = 0; d < digits; d++) {
        const offset = d * 4 * 2 ** digitBits;
        this.pushCounter(f, work, () => {
          f.get(k);
          if (d) (key === "i64" ? f.i64(d * digitBits) : f.i32(d * digitBits)).op(`${key}.shr_u`);
        });
        f.tee(at).get(at).load("i32.load", offset).i32(1).op("i32.add").store("i32.store", offset);
      }
    });
  }

  /** Pushes the address of the counter for the lowest digit of what `shifted` pushes. */
  private pushCounter(f: FunctionBuilder, counts: Local, shifted: () => void): void {
    shifted();
    if (this.key === "i64") f.op("i32.wrap_i64");
    f.i32(2 ** this.digitBits - 1)
      .op("i32.and")
      .i32(2)
      .op("i32.shl")
      .get(counts)
      .op("i32.add");
  }

  /** Sends every record (or, `fresh`, element) to where its digit's next record goes; at last only the index. */
  private distribute(f: FunctionBuilder, source: Local, counts: Local, shift: Local, fresh: boolean, final: boolean): void {
    const { n, key, record, dtype, descending } = this;
    f.scope(() => {
      const [k, index, counter, place] = [f.local(key), f.local("i32"), f.local("i32"), f.local("i32")];
      repeat(f, n, (i) => {
        if (fresh) {
          pushAt(f, source, i, bytesOf(dtype));
          pushKey(f, dtype, descending);
          f.set(k).get(i).set(index);
        } else {
          const at = f.local("i32");
          pushAt(f, source, i, record)
            .tee(at)
            .load(`${key}.load`, record === 16 ? 0 : 4)
            .set(k);
          f.get(at)
            .load("i32.load", record === 16 ? 8 : 0)
            .set(index);
        }
        this.pushCounter(f, counts, () => f.get(k).get(shift).op(`${key}.shr_u`));
        f.tee(counter).get(counter).load("i32.load").tee(place);
        f.i32(final ? 4 : record)
          .op("i32.add")
          .store("i32.store");
        if (final) f.get(place).get(index).store("i32.store");
        else if (record === 16) f.get(place).get(k).store("i64.store").get(place).get(index).store("i32.store", 8);
        else f.get(place).get(index).store("i32.store").get(place).get(k).store("i32.store", 4);
      });
    });
  }
}
