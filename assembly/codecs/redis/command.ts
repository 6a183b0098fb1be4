// What a command is: what it asks of its connection, and its attributes.
// Allocates: when the module starts.
import { DecodeStatus } from "../../codec/decode-status";
import { Message, Slice, TransactionStep } from "../../codec/message";
import { equalBytesIgnoreCase, writeDecimal } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import { Arguments } from "./arguments";
import {
  CommandFlag,
  CommandTable,
  copyUpperCase,
  isZero,
  KEY_PLACE_MASK,
  KeyPlace,
} from "./command-table";

export enum Attribute {
  Command = 0,
  Subcommand = 1,
  Key = 2,
  Channel = 3,
  Access = 4,
  Args = 5,
}

/** No command has a longer name; of longer ones this much is the attribute. */
const MAX_WORD_BYTES: u32 = 64;
/** XREADGROUP GROUP g c COUNT n BLOCK ms NOACK CLAIM ms STREAMS, and some room. */
const MAX_STREAM_OPTIONS: u32 = 16;

const ATTRIBUTES: StaticArray<StaticText> = [
  new StaticText("command"),
  new StaticText("subcommand"),
  new StaticText("key"),
  new StaticText("channel"),
  new StaticText("access"),
  new StaticText("args"),
];
const READ = new StaticText("read");
const WRITE = new StaticText("write");
const BLOCK = new StaticText("block");
const STREAMS = new StaticText("streams");
const REPLY = new StaticText("reply");
const ON = new StaticText("on");
/** Subcommands of CLIENT that are about the server or other connections, or leave no trace. */
const HARMLESS: StaticArray<StaticText> = [
  new StaticText("setinfo"),
  new StaticText("list"),
  new StaticText("kill"),
  new StaticText("pause"),
  new StaticText("unpause"),
  new StaticText("unblock"),
  new StaticText("help"),
];

/** The number of an attribute; -1: there is none of this name. */
export function attributeNamed(namePtr: usize, nameLen: u32): i32 {
  for (let i = 0; i < ATTRIBUTES.length; i++) {
    if (ATTRIBUTES[i].equals(namePtr, nameLen)) return i;
  }
  return -1;
}

export class Command {
  private readonly table: CommandTable = new CommandTable();
  private readonly args: Arguments = new Arguments();
  private readonly word: usize = heap.alloc(MAX_WORD_BYTES);

  /** Of a complete command with at least one argument: what the engine has to know. */
  classify(message: Message): DecodeStatus {
    const args = this.args;
    args.begin(message);
    if (!args.next()) return DecodeStatus.Error;
    let flags = this.table.find(args.current.ptr, args.current.len);
    if ((flags & CommandFlag.Client) != 0) flags |= this.client();
    if ((flags & CommandFlag.MayBlock) != 0 && this.blocks()) {
      flags |= CommandFlag.OwnConnection | CommandFlag.Blocks;
    }
    if ((flags & CommandFlag.Refused) != 0) return DecodeStatus.Error;
    message.needsOwnConnection = (flags & CommandFlag.OwnConnection) != 0;
    message.isUntimed = (flags & CommandFlag.Blocks) != 0;
    message.transaction = stepOf(flags);
    message.a = flags;
    return DecodeStatus.Done;
  }

  /** Of CLIENT. Without replies no later one would be matched to its command. */
  private client(): u32 {
    const args = this.args;
    if (!args.next()) return 0;
    for (let i = 0; i < HARMLESS.length; i++) {
      if (isWord(args.current, HARMLESS[i])) return 0;
    }
    if (!isWord(args.current, REPLY) || !args.next() || isWord(args.current, ON)) {
      return CommandFlag.OwnConnection;
    }
    return CommandFlag.Refused;
  }

  /** Of XREAD and XREADGROUP: whether BLOCK is among the options. */
  private blocks(): bool {
    const args = this.args;
    for (let i: u32 = 0; i < MAX_STREAM_OPTIONS && args.next(); i++) {
      if (isWord(args.current, STREAMS)) return false;
      if (isWord(args.current, BLOCK)) return true;
    }
    return false;
  }

  /** `value` may be in memory that the next call uses again. */
  attribute(message: Message, id: i32, value: Slice): bool {
    const flags = message.a;
    switch (id) {
      case Attribute.Command:
        return this.upperCase(message, 0, value);
      case Attribute.Subcommand:
        return (flags & CommandFlag.HasSubcommand) != 0 && this.upperCase(message, 1, value);
      case Attribute.Key:
        return this.key(message, value);
      case Attribute.Channel:
        return (flags & CommandFlag.HasChannel) != 0 && this.argument(message, 1, value);
      case Attribute.Access: {
        const text = (flags & CommandFlag.Reads) != 0 ? READ : WRITE;
        value.ptr = text.ptr;
        value.len = text.len;
        return true;
      }
      case Attribute.Args:
        value.ptr = this.word;
        value.len = writeDecimal(this.word, message.b - 1);
        return true;
      default:
        return false;
    }
  }

  private argument(message: Message, index: u32, value: Slice): bool {
    const args = this.args;
    args.begin(message);
    if (!args.skip(index + 1)) return false;
    value.ptr = args.current.ptr;
    value.len = args.current.len;
    return true;
  }

  private upperCase(message: Message, index: u32, value: Slice): bool {
    if (!this.argument(message, index, value)) return false;
    const length = min(value.len, MAX_WORD_BYTES);
    copyUpperCase(this.word, value.ptr, length);
    value.ptr = this.word;
    value.len = length;
    return true;
  }

  private key(message: Message, value: Slice): bool {
    switch (message.a & KEY_PLACE_MASK) {
      case KeyPlace.First:
        return this.argument(message, 1, value);
      case KeyPlace.Second:
        return this.argument(message, 2, value);
      case KeyPlace.Third:
        return this.argument(message, 3, value);
      case KeyPlace.AfterCount:
        return this.countedKey(message, 1, value);
      case KeyPlace.AfterSecondCount:
        return this.countedKey(message, 2, value);
      case KeyPlace.AfterStreams:
        return this.streamKey(message, value);
      default:
        return false;
    }
  }

  private countedKey(message: Message, countIndex: u32, value: Slice): bool {
    const args = this.args;
    args.begin(message);
    if (!args.skip(countIndex + 1)) return false;
    if (isZero(args.current.ptr, args.current.len) || !args.next()) return false;
    value.ptr = args.current.ptr;
    value.len = args.current.len;
    return true;
  }

  private streamKey(message: Message, value: Slice): bool {
    const args = this.args;
    args.begin(message);
    args.next();
    for (let i: u32 = 0; i < MAX_STREAM_OPTIONS && args.next(); i++) {
      if (!isWord(args.current, STREAMS)) continue;
      if (!args.next()) return false;
      value.ptr = args.current.ptr;
      value.len = args.current.len;
      return true;
    }
    return false;
  }
}

function stepOf(flags: u32): TransactionStep {
  if ((flags & CommandFlag.Begins) != 0) return TransactionStep.Begin;
  if ((flags & CommandFlag.Commits) != 0) return TransactionStep.Commit;
  if ((flags & CommandFlag.RollsBack) != 0) return TransactionStep.Rollback;
  return TransactionStep.None;
}

function isWord(value: Slice, lower: StaticText): bool {
  return value.len == lower.len && equalBytesIgnoreCase(value.ptr, lower.ptr, lower.len);
}
