// Which route configuration the clients of a listener get whose metadata names none.
// Allocates: never after construction.
import { Status } from "../../proxy-wasm-as/abi/enums";
import { getProperty, getPropertyU64, PropertyPath } from "../../proxy-wasm-as/host/properties";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { writeDecimal } from "../../wire/bytes";
import {
  filterChainPlaceholder,
  findPortPlaceholder,
  portPlaceholder,
} from "../config/name-placeholders";

/** Of the largest number of 64 bits. */
const DECIMAL_BYTES: u32 = 20;

const destinationPort = new PropertyPath(["destination", "port"]);
const filterChainName = new PropertyPath(["xds", "filter_chain_name"]);

/**
 * A name in which `%DESTINATION_PORT%`, once, stands for the port that the client connected to; or `%FILTER_CHAIN_NAME%`
 * alone, for that of the filter chain.
 */
export class DefaultRouteName {
  /** Of the last `read`, until the host is asked for something else. */
  ptr: usize = 0;
  len: u32 = 0;
  private readonly template: usize;
  private readonly templateLen: u32;
  /** Of the placeholder in it; `templateLen`: there is none. */
  private readonly at: u32;
  private readonly isOfFilterChain: bool;
  private readonly scratch: usize;

  /** `template` must outlive it. */
  constructor(template: ArrayBuffer) {
    const len = <u32>template.byteLength;
    this.template = changetype<usize>(template);
    this.templateLen = len;
    this.isOfFilterChain = filterChainPlaceholder.equals(changetype<usize>(template), len);
    this.at = findPortPlaceholder(changetype<usize>(template), len);
    this.scratch = heap.alloc(len + DECIMAL_BYTES);
  }

  /** For the connection that the host calls the module for; 0 bytes: there is no such name. */
  read(): void {
    this.ptr = this.template;
    this.len = this.templateLen;
    if (this.isOfFilterChain) {
      this.len = getProperty(filterChainName) == Status.Ok ? bytesLen : 0;
      this.ptr = bytesPtr;
      return;
    }
    if (this.at == this.templateLen) return;
    const port = getPropertyU64(destinationPort, 0);
    const out = this.scratch;
    memory.copy(out, this.template, this.at);
    const digits = writeDecimal(out + this.at, port);
    const rest = this.at + portPlaceholder.len;
    memory.copy(out + this.at + digits, this.template + rest, this.templateLen - rest);
    this.ptr = out;
    this.len = this.templateLen - portPlaceholder.len + digits;
  }
}
