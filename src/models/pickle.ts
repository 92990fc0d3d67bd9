// A reader of Python pickles that executes nothing: the opcodes that plain containers, numbers, texts and tensors
// need, and a table of the names that may be called. Everything else is refused.
// Source of the format: Python's Lib/pickletools.py.
import { AthanorError } from "../errors.js";

/** What a pickle holds: JavaScript's own values, arrays for tuples and lists, Maps for dictionaries. */
export type Pickled =
  | null
  | boolean
  | number
  | bigint
  | string
  | Pickled[]
  | Map<Pickled, Pickled>
  | PickledObject;

/** A thing that one of the functions made, or a class that is only named. */
export class PickledObject {
  constructor(
    readonly kind: string,
    readonly value: unknown,
  ) {}
}

/** A value as messages show it; of what holds other values, or itself, only what it is. */
export function shownPickled(value: Pickled): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Map) return `a dictionary of ${value.size}`;
  if (value instanceof PickledObject) return `a ${value.kind}`;
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value);
}

export interface PickleRules {
  /** What `module.name` does when it is called with a tuple; a name that is not here is refused. */
  functions: ReadonlyMap<string, (args: Pickled[]) => Pickled>;
  /** Classes that may be named but not called. */
  classes: ReadonlySet<string>;
  /** What a persistent id stands for. */
  persistent(id: Pickled): Pickled;
}

const MARK = Symbol("mark");
// An opcode of one byte makes a value of a hundred and more: what a file is long bounds no memory. Thirty make a tensor.
const MOST_VALUES = 1 << 20;

/** @returns the value and where the next byte after it is. @throws ERR_CHECKPOINT naming the file and the byte */
export function readPickle(
  who: string,
  bytes: Buffer,
  begin: number,
  rules: PickleRules,
): { value: Pickled; end: number } {
  return new Machine(who, bytes, begin, rules).run();
}

class Machine {
  readonly #stack: (Pickled | typeof MARK)[] = [];
  readonly #memo = new Map<number, Pickled>();
  #at: number;
  /** Values made so far. */
  #made = 0;

  constructor(
    private readonly who: string,
    private readonly bytes: Buffer,
    begin: number,
    private readonly rules: PickleRules,
  ) {
    this.#at = begin;
  }

  run(): { value: Pickled; end: number } {
    for (;;) {
      const opcode = this.#take(1)[0];
      if (opcode === 0x2e) return { value: this.#pop(), end: this.#at }; // STOP
      const step = STEPS[opcode];
      if (step === undefined) throw this.fault("an opcode of tensors and plain values", hex(opcode));
      step(this);
    }
  }

  fault(needed: string, came: string): AthanorError {
    const where = `${this.who}: byte ${this.#at} of its pickle`;
    return new AthanorError("ERR_CHECKPOINT", `${where} needs ${needed}, got ${came}`);
  }

  #take(count: number): Buffer {
    if (!(count <= this.bytes.length - this.#at)) throw this.fault(`${count} more bytes`, "its end");
    this.#at += count;
    return this.bytes.subarray(this.#at - count, this.#at);
  }

  #pop(): Pickled {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw this.fault("a value on the stack", "none");
    return value;
  }

  push(value: Pickled | typeof MARK): void {
    this.#count(1);
    this.#stack.push(value);
  }

  #count(values: number): void {
    this.#made += values;
    if (this.#made > MOST_VALUES) throw this.fault(`at most ${MOST_VALUES} values`, "more");
  }

  pop(): Pickled {
    return this.#pop();
  }

  /** The values since the last mark, which is taken off too. */
  popMarked(): Pickled[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw this.fault("a mark on the stack", "none");
    return this.#stack.splice(at).slice(1) as Pickled[];
  }

  popMany(count: number): Pickled[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  top(): Pickled {
    const value = this.#pop();
    this.#stack.push(value);
    return value;
  }

  unsigned(width: 1 | 2 | 4): number {
    return this.#take(width).readUIntLE(0, width);
  }

  signed32(): number {
    return this.#take(4).readInt32LE();
  }

  unsigned64(): number {
    return Number(this.#take(8).readBigUInt64LE());
  }

  float(): number {
    return this.#take(8).readDoubleBE();
  }

  /** A little-endian two's complement number of that many bytes. */
  long(width: number): number | bigint {
    const bytes = this.#take(width);
    let value = 0n;
    for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
    if (width > 0 && bytes[width - 1] >= 128) value -= 1n << BigInt(8 * width);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  text(length: number): string {
    return this.#take(length).toString("utf8");
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.fault("the end of a line", "the end of the file");
    const text = this.text(end - this.#at);
    this.#take(1);
    return text;
  }

  remember(index: number): void {
    this.#memo.set(index, this.top());
  }

  memoize(): void {
    this.remember(this.#memo.size);
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.fault(`a value kept as ${index}`, "none");
    this.push(value);
  }

  global(module: string, name: string): void {
    const full = `${module}.${name}`;
    if (!this.rules.functions.has(full) && !this.rules.classes.has(full)) {
      const known = [...this.rules.functions.keys()].join(", ");
      throw this.fault(`nothing but tensors (${known} and kinds of storage)`, shownPickled(full));
    }
    this.push(new PickledObject("global", full));
  }

  call(): void {
    const args = this.#pop();
    const target = this.#pop();
    const name = target instanceof PickledObject && target.kind === "global" ? String(target.value) : "";
    const called = this.rules.functions.get(name);
    if (!called || !Array.isArray(args)) throw this.fault("a known function and a tuple", name || "others");
    const made = called(args);
    if (made instanceof Map) this.#count(made.size); // of a list that may serve again and again
    this.push(made);
  }

  persistent(): void {
    this.push(this.rules.persistent(this.#pop()));
  }

  set(entries: Pickled[]): void {
    const target = this.top();
    if (!(target instanceof Map) || entries.length % 2 !== 0) throw this.fault("a dictionary", "none");
    for (let i = 0; i < entries.length; i += 2) target.set(entries[i], entries[i + 1]);
  }

  append(values: Pickled[]): void {
    const target = this.top();
    if (!Array.isArray(target)) throw this.fault("a list", "none");
    for (const value of values) target.push(value);
  }
}

const hex = (opcode: number) => `0x${opcode.toString(16).padStart(2, "0")}`;

const STEPS: Partial<Record<number, (machine: Machine) => void>> = {
  128: (m) => void m.unsigned(1), // PROTO
  149: (m) => void m.unsigned64(), // FRAME
  40: (m) => m.push(MARK), // MARK
  48: (m) => void m.pop(), // POP
  49: (m) => void m.popMarked(), // POP_MARK
  78: (m) => m.push(null), // NONE
  136: (m) => m.push(true), // NEWTRUE
  137: (m) => m.push(false), // NEWFALSE
  74: (m) => m.push(m.signed32()), // BININT
  75: (m) => m.push(m.unsigned(1)), // BININT1
  77: (m) => m.push(m.unsigned(2)), // BININT2
  138: (m) => m.push(m.long(m.unsigned(1))), // LONG1
  71: (m) => m.push(m.float()), // BINFLOAT
  88: (m) => m.push(m.text(m.unsigned(4))), // BINUNICODE
  140: (m) => m.push(m.text(m.unsigned(1))), // SHORT_BINUNICODE
  141: (m) => m.push(m.text(m.unsigned64())), // BINUNICODE8
  85: (m) => m.push(m.text(m.unsigned(1))), // SHORT_BINSTRING
  84: (m) => m.push(m.text(m.unsigned(4))), // BINSTRING
  41: (m) => m.push([]), // EMPTY_TUPLE
  133: (m) => m.push(m.popMany(1)), // TUPLE1
  134: (m) => m.push(m.popMany(2)), // TUPLE2
  135: (m) => m.push(m.popMany(3)), // TUPLE3
  116: (m) => m.push(m.popMarked()), // TUPLE
  93: (m) => m.push([]), // EMPTY_LIST
  97: (m) => m.append([m.pop()]), // APPEND
  101: (m) => m.append(m.popMarked()), // APPENDS
  125: (m) => m.push(new Map()), // EMPTY_DICT
  115: (m) => m.set(m.popMany(2)), // SETITEM
  117: (m) => m.set(m.popMarked()), // SETITEMS
  113: (m) => m.remember(m.unsigned(1)), // BINPUT
  114: (m) => m.remember(m.unsigned(4)), // LONG_BINPUT
  148: (m) => m.memoize(), // MEMOIZE
  104: (m) => m.recall(m.unsigned(1)), // BINGET
  106: (m) => m.recall(m.unsigned(4)), // LONG_BINGET
  99: (m) => m.global(m.line(), m.line()), // GLOBAL
  147: (m) => {
    const [module, name] = m.popMany(2); // STACK_GLOBAL
    if (typeof module !== "string" || typeof name !== "string") {
      throw m.fault(
        "names of a module and of what is in it",
        `${shownPickled(module)}, ${shownPickled(name)}`,
      );
    }
    m.global(module, name);
  },
  82: (m) => m.call(), // REDUCE
  81: (m) => m.persistent(), // BINPERSID
  98: (m) => void m.pop(), // BUILD: attributes of a dictionary or a tensor, of no use here
};
