// What has to be known of commands: where their first key is, what they do to the connection, whether
// they only read. A command that is not here changes data, and its first argument is a key: so it is with
// most commands, of modules too.
// Allocates: when the module starts.
import { DIGIT_0 } from "./constants";

/** Longer than every command with an entry. */
export const MAX_NAME_BYTES: u32 = 24;

/** What `find` returns: flags, and in the lowest four bits a KeyPlace. */
export enum CommandFlag {
  /** Redis marks it as readonly: a replica can answer it. */
  Reads = 1 << 4,
  /** It changes what its connection is, or may keep it busy. */
  OwnConnection = 1 << 5,
  /** Its answer may take any time. */
  Blocks = 1 << 6,
  /** It waits if it is told so by BLOCK. */
  MayBlock = 1 << 7,
  /** The first argument is a command within the command. */
  HasSubcommand = 1 << 8,
  /** CLIENT: what it does is decided by its subcommand. */
  Client = 1 << 9,
  /** What follows it on the connection is no RESP, or an attack that Redis ends the connection for. */
  Refused = 1 << 10,
  /** The first argument is a channel. */
  HasChannel = 1 << 11,
  // What it is to a transaction.
  Begins = 1 << 12,
  Commits = 1 << 13,
  RollsBack = 1 << 14,
}

/** Where a command has its first key. */
export enum KeyPlace {
  First = 0,
  None = 1,
  Second = 2,
  Third = 3,
  /** Behind the number of keys, which is the first argument. */
  AfterCount = 4,
  /** Behind the number of keys, which is the second argument. */
  AfterSecondCount = 5,
  /** Behind the word STREAMS. */
  AfterStreams = 6,
}

export const KEY_PLACE_MASK: u32 = 15;

const READS: u32 = CommandFlag.Reads;
const OWN: u32 = CommandFlag.OwnConnection;
const BLOCKS: u32 = CommandFlag.OwnConnection | CommandFlag.Blocks;
const SUB: u32 = CommandFlag.HasSubcommand;
const NO_KEY: u32 = KeyPlace.None;
const CHANNEL: u32 = KeyPlace.None | CommandFlag.HasChannel;

const SLOTS: u32 = 512;
/** The name, padded with zeros, and the flags. */
const SLOT_BYTES: u32 = 32;
const FLAGS_OFFSET: u32 = 24;

export class CommandTable {
  private readonly slots: usize = heap.alloc(SLOTS * SLOT_BYTES);
  private readonly name: usize = heap.alloc(MAX_NAME_BYTES);

  constructor() {
    memory.fill(this.slots, 0, SLOTS * SLOT_BYTES);
    this.addReading();
    this.addWithoutKey();
    this.addWithOtherKeys();
    this.addForConnections();
  }

  private addReading(): void {
    this.add(
      READS,
      "BITCOUNT BITFIELD_RO BITPOS DUMP EXISTS EXPIRETIME GEODIST GEOHASH GEOPOS GEORADIUSBYMEMBER_RO " +
        "GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE HEXISTS HEXPIRETIME HGET HGETALL HKEYS HLEN HMGET " +
        "HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSTRLEN HTTL HVALS LCS LINDEX LLEN LPOS LRANGE MGET " +
        "PEXPIRETIME PFCOUNT PTTL SCARD SDIFF SINTER SISMEMBER SMEMBERS SMISMEMBER SORT_RO SRANDMEMBER " +
        "SSCAN STRLEN SUBSTR SUNION TOUCH TTL TYPE XLEN XPENDING XRANGE XREVRANGE ZCARD ZCOUNT ZLEXCOUNT " +
        "ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX " +
        "ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE",
    );
    this.add(READS | NO_KEY, "DBSIZE KEYS LOLWUT RANDOMKEY SCAN");
    this.add(READS | SUB | KeyPlace.Second, "MEMORY OBJECT XINFO");
    this.add(READS | KeyPlace.AfterCount, "SINTERCARD ZDIFF ZINTER ZINTERCARD ZUNION");
    this.add(READS | KeyPlace.AfterSecondCount, "EVALSHA_RO EVAL_RO FCALL_RO");
    this.add(READS | SUB | KeyPlace.Third, "STRALGO");
  }

  private addWithoutKey(): void {
    this.add(
      NO_KEY,
      "BGREWRITEAOF BGSAVE ECHO FAILOVER FLUSHALL FLUSHDB INFO LASTSAVE PFSELFTEST PING " +
        "REPLICAOF ROLE SAVE SHUTDOWN SLAVEOF SWAPDB TIME UNWATCH",
    );
    this.add(
      NO_KEY | SUB,
      "ACL CLUSTER COMMAND CONFIG DEBUG FUNCTION LATENCY MODULE PUBSUB SCRIPT SENTINEL SLOWLOG",
    );
    this.add(CHANNEL, "PUBLISH");
  }

  private addWithOtherKeys(): void {
    this.add(SUB | KeyPlace.Second, "XGROUP");
    this.add(KeyPlace.Second, "BITOP PFDEBUG");
    this.add(KeyPlace.Third, "MIGRATE");
    this.add(KeyPlace.AfterCount, "LMPOP ZMPOP");
    this.add(KeyPlace.AfterSecondCount, "EVAL EVALSHA FCALL");
    this.add(CommandFlag.HasChannel, "SPUBLISH");
  }

  private addForConnections(): void {
    const mayBlock: u32 = CommandFlag.MayBlock | KeyPlace.AfterStreams;
    this.add(BLOCKS, "BLMOVE BLPOP BRPOP BRPOPLPUSH BZPOPMAX BZPOPMIN");
    this.add(BLOCKS | KeyPlace.AfterSecondCount, "BLMPOP BZMPOP");
    this.add(BLOCKS | NO_KEY, "WAIT WAITAOF");
    this.add(READS | mayBlock, "XREAD");
    this.add(mayBlock, "XREADGROUP");
    this.add(OWN | NO_KEY, "ASKING AUTH HELLO MONITOR QUIT READONLY READWRITE REPLCONF SELECT");
    this.add(OWN | NO_KEY | CommandFlag.Begins, "MULTI");
    this.add(NO_KEY | CommandFlag.Commits, "EXEC");
    this.add(NO_KEY | CommandFlag.RollsBack, "DISCARD");
    this.add(OWN | NO_KEY | CommandFlag.RollsBack, "RESET");
    this.add(OWN, "WATCH");
    this.add(OWN | CHANNEL, "PSUBSCRIBE PUNSUBSCRIBE SUBSCRIBE UNSUBSCRIBE");
    this.add(OWN | CommandFlag.HasChannel, "SSUBSCRIBE SUNSUBSCRIBE");
    this.add(NO_KEY | SUB | CommandFlag.Client, "CLIENT");
    this.add(NO_KEY | CommandFlag.Refused, "SYNC PSYNC POST HOST:");
  }

  /** `names`: separated by blanks. */
  private add(flags: u32, names: string): void {
    const list = names.split(" ");
    for (let i = 0; i < list.length; i++) {
      const name = list[i];
      memory.fill(this.name, 0, MAX_NAME_BYTES);
      String.UTF8.encodeUnsafe(changetype<usize>(name), name.length, this.name);
      const slot = this.slotOf(this.name);
      memory.copy(slot, this.name, MAX_NAME_BYTES);
      store<u32>(slot + FLAGS_OFFSET, flags);
    }
  }

  /** Of the name with `len` bytes at `ptr`, in any letter case. */
  find(ptr: usize, len: u32): u32 {
    if (len > MAX_NAME_BYTES) return 0;
    memory.fill(this.name, 0, MAX_NAME_BYTES);
    copyUpperCase(this.name, ptr, len);
    return load<u32>(this.slotOf(this.name) + FLAGS_OFFSET);
  }

  /** The slot that has the name, or the empty one where it would be; there always is one. */
  private slotOf(name: usize): usize {
    const a = load<u64>(name);
    const b = load<u64>(name + 8);
    const c = load<u64>(name + 16);
    let hash = (a ^ (b * 0xff51afd7ed558ccd) ^ (c * 0xc4ceb9fe1a85ec53)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
    let index = <u32>(hash >> 20) % SLOTS;
    while (true) {
      const slot = this.slots + <usize>index * SLOT_BYTES;
      const isSame = load<u64>(slot) == a && load<u64>(slot + 8) == b && load<u64>(slot + 16) == c;
      if (isSame || load<u8>(slot) == 0) return slot;
      index = (index + 1) % SLOTS;
    }
  }
}

/** Copies `len` bytes with ASCII letters made capital. */
export function copyUpperCase(out: usize, ptr: usize, len: u32): void {
  for (let i: u32 = 0; i < len; i++) {
    const byte = <u32>load<u8>(ptr + i);
    store<u8>(out + i, <u8>(byte - 0x61 < 26 ? byte - 0x20 : byte));
  }
}

/** Whether the argument is the number 0, however it is written. */
export function isZero(ptr: usize, len: u32): bool {
  for (let i: u32 = 0; i < len; i++) {
    if (load<u8>(ptr + i) != DIGIT_0) return false;
  }
  return len > 0;
}
