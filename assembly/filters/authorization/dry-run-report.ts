// What dry runs would have refused: a line of the log in a second, however many requests there were.
// Allocates: at construction.
import { LogLevel } from "../../proxy-wasm-as/abi/enums";
import { logBytes } from "../../proxy-wasm-as/host/log";
import { writeDecimal } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import { PeerIdentity } from "./peer-identity";
import { Policy } from "./policy";

const CAPACITY: u32 = 1024;
/** Of a name, an identity or an address; what is longer is cut off. */
const PART_BYTES: u32 = 400;
const INTERVAL_MS: u64 = 1000;

const BEGINNING = new StaticText("metaproto: dry run of authorization: would have refused ");
const FIRST = new StaticText(" requests; the first of ");
const BY = new StaticText(" by policy ");
const BY_NONE = new StaticText(" because no policy allows it");
const NOBODY = new StaticText("a client without identity");

export class DryRunReport {
  private count: u64 = 0;
  private reportedMs: u64 = 0;
  private readonly line: usize = heap.alloc(CAPACITY);
  private len: u32 = 0;
  /** What is said of the first request. */
  private readonly first: usize = heap.alloc(CAPACITY);
  private firstLen: u32 = 0;

  /** `policy`: the one that matched; null: none that allows it did. */
  add(peer: PeerIdentity, policy: Policy | null): void {
    this.count++;
    if (this.count > 1) return;
    this.len = 0;
    if (peer.principal.len > 0) this.append(peer.principal.ptr, peer.principal.len);
    else if (peer.endpoint.len > 0) this.append(peer.endpoint.ptr, peer.endpoint.len);
    else this.append(NOBODY.ptr, NOBODY.len);
    if (policy === null) {
      this.append(BY_NONE.ptr, BY_NONE.len);
    } else {
      this.append(BY.ptr, BY.len);
      this.append(changetype<usize>(policy.name), <u32>policy.name.byteLength);
    }
    memory.copy(this.first, this.line, this.len);
    this.firstLen = this.len;
  }

  onTick(nowMs: u64): void {
    if (this.count == 0 || nowMs - this.reportedMs < INTERVAL_MS) return;
    this.reportedMs = nowMs;
    this.len = 0;
    this.append(BEGINNING.ptr, BEGINNING.len);
    this.len += writeDecimal(this.line + this.len, this.count);
    this.append(FIRST.ptr, FIRST.len);
    memory.copy(this.line + this.len, this.first, this.firstLen);
    this.len += this.firstLen;
    this.count = 0;
    logBytes(LogLevel.Info, this.line, this.len);
  }

  /** Printable ASCII, whatever a certificate says. */
  private append(ptr: usize, len: u32): void {
    const count = min(len, PART_BYTES);
    for (let i: u32 = 0; i < count; i++) {
      const byte = load<u8>(ptr + i);
      store<u8>(this.line + this.len + i, byte < 0x20 || byte > 0x7e ? <u8>0x3f : byte);
    }
    this.len += count;
  }
}
