// What is wrong with a configuration: all of it, each fault with the path of its field, such as
// `routes[3].match[0].regex.dfa: state 9 of 7`.
// Allocates: when a fault is found; cold path only.

const MAX_DEPTH: i32 = 16;
const MAX_SHOWN: u32 = 32;
const MAX_QUOTED: u32 = 64;
const NO_INDEX: i32 = -1;

/** Collects faults while decoders walk through a configuration; they keep `enter` and `leave` even. */
export class Faults {
  /** How many were found; `text` shows the first of them. */
  count: u32 = 0;
  /** What the faults that follow are about, such as a resource's name; before the path. */
  subject: string = "";
  private lines: string = "";
  private depth: i32 = 0;
  private readonly names: StaticArray<string> = new StaticArray<string>(MAX_DEPTH);
  private readonly indexes: StaticArray<i32> = new StaticArray<i32>(MAX_DEPTH);

  /** Faults that follow are within this field. */
  enter(name: string): void {
    this.enterElement(name, NO_INDEX);
  }

  /** Faults that follow are within this element of a repeated field. */
  enterElement(name: string, index: i32): void {
    if (this.depth < MAX_DEPTH) {
      this.names[this.depth] = name;
      this.indexes[this.depth] = index;
    }
    this.depth++;
  }

  leave(): void {
    this.depth--;
  }

  /** The field that was entered last is repeated: faults that follow are within its next element. */
  nextElement(): void {
    const last = this.depth - 1;
    if (last < MAX_DEPTH) this.indexes[last] = this.indexes[last] + 1;
  }

  /** Faults that follow are of the whole repeated field again. */
  leaveElements(): void {
    const last = this.depth - 1;
    if (last < MAX_DEPTH) this.indexes[last] = NO_INDEX;
  }

  /** A fault of the field that was entered last. */
  add(text: string): void {
    this.addAt("", text);
  }

  /** A fault of the field `name` of what was entered last. */
  addAt(name: string, text: string): void {
    this.count++;
    if (this.count > MAX_SHOWN) return;
    let path = "";
    for (let i = 0; i < min(this.depth, MAX_DEPTH); i++) {
      path = join(path, this.names[i]);
      if (this.indexes[i] != NO_INDEX) path += "[" + this.indexes[i].toString() + "]";
    }
    if (!this.isIn(name)) path = join(path, name);
    let line = this.subject.length > 0 ? this.subject + ": " : "";
    if (path.length > 0) line += path + ": ";
    if (this.lines.length > 0) this.lines += "\n";
    this.lines += line + text;
  }

  /** A decoder of JSON has entered the field already. */
  private isIn(name: string): bool {
    const last = this.depth - 1;
    if (last < 0 || last >= MAX_DEPTH || this.indexes[last] != NO_INDEX) return false;
    return this.names[last] == name;
  }

  /** All faults, one a line, bounded in number. Empty: none. */
  text(): string {
    if (this.count <= MAX_SHOWN) return this.lines;
    return this.lines + "\nand " + (this.count - MAX_SHOWN).toString() + " more";
  }

  /** Forgets all faults. */
  clear(): void {
    this.count = 0;
    this.lines = "";
    this.subject = "";
    this.depth = 0;
  }
}

/** Bytes of a configuration in quotes, for a fault's text: shortened, and ASCII whatever they are. */
export function quoted(ptr: usize, len: u32): string {
  let text = '"';
  for (let i: u32 = 0; i < min(len, MAX_QUOTED); i++) {
    const byte = <i32>load<u8>(ptr + i);
    text += byte < 0x20 || byte > 0x7e ? "?" : String.fromCharCode(byte);
  }
  return text + (len > MAX_QUOTED ? '..."' : '"');
}

function join(path: string, name: string): string {
  if (name.length == 0) return path;
  return path.length == 0 ? name : path + "." + name;
}
