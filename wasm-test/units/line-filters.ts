// AssemblyScript entry: the example module with two filters that do what their configurations say, for tests
// of the chain.
//
// A configuration is text, a word for each thing to do, in this order:
//   trace     log what is seen, as `<filter> <callback>: ...`
//   who       log the client's address once more when the request is over, as `<filter> client: ...`
//   mark      log what is in the slot, and write the length of the request there
//   count     count requests, and those that have not ended
//   delay     pause for 50 ms
//   late      and refuse then
//   pause     pause until a request `RELEASE` or `REFUSE` comes, which is answered with an error
//   refuse    answer with PermissionDenied and the code 42
//   only=GET  all of this only for requests whose attribute `verb` is GET

import { ErrorKind, NO_ERROR_CODE } from "../../assembly/codec/error-kind";
import { MessageType, Slice } from "../../assembly/codec/message";
import { LineCodec } from "../../assembly/codecs/line/codec";
import { Call } from "../../assembly/filter/call";
import { Counter, counterOf } from "../../assembly/filter/counter";
import { Filter, FilterConfig, FilterStatus } from "../../assembly/filter/filter";
import { filterHost } from "../../assembly/filter/filter-host";
import { FilterSetup } from "../../assembly/filter/filter-setup";
import { installFilter } from "../../assembly/filter/installed";
import { flagText, ResponseFlag } from "../../assembly/filter/response-flag";
import { LogLevel } from "../../assembly/proxy-wasm-as/abi/enums";
import { registerPlugin } from "../../assembly/proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../../assembly/proxy-wasm-as/context/plugin-context";
import { log } from "../../assembly/proxy-wasm-as/host/log";
import { SwitchboardPlugin } from "../../assembly/switchboard/plugin/switchboard-plugin";
import { StaticText } from "../../assembly/wire/static-text";
import { JsonFilter } from "./json-filter";

export * from "../../assembly/switchboard/exports";

const DELAY_MS: u32 = 50;
const CODE: u32 = 42;
const VERB = new StaticText("verb");
const REFUSED = new StaticText("refused by a filter");
const RELEASED = new StaticText("released");

class Words extends FilterConfig {
  readonly list: string[];
  only: string = "";
  readonly total: Counter = counterOf("test_total");
  readonly active: Counter = counterOf("test_active", true);

  constructor(text: string) {
    super();
    this.list = text.split(" ");
    for (let i = 0; i < this.list.length; i++) {
      if (this.list[i].startsWith("only=")) this.only = this.list[i].substring(5);
    }
  }

  has(word: string): bool {
    return this.list.includes(word);
  }
}

class TextFilter extends Filter {
  private readonly paused: u64[] = [];
  private isSettling: bool = false;
  private isReleased: bool = false;
  private readonly value: Slice = new Slice();
  private readonly name_: Slice = new Slice();

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    const text = String.UTF8.decodeUnsafe(ptr, len);
    if (text == "nonsense") {
      setup.fault("words", "this is nonsense");
      return null;
    }
    return new Words(text);
  }

  private verb(call: Call): string {
    this.name_.ptr = VERB.ptr;
    this.name_.len = VERB.len;
    const id = call.codec.attributeId(VERB.ptr, VERB.len);
    if (!call.attribute(id, this.name_, this.value)) return "";
    return textOf(this.value);
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const words = changetype<Words>(config);
    const verb = this.verb(call);
    if (words.only.length > 0 && words.only != verb) return FilterStatus.Continue;
    if (words.has("trace")) {
      this.tell("onRequest", verb + " to " + textOf(call.clusterName) + this.source(call));
    }
    if (words.has("mark")) {
      this.tell("slot", load<u64>(call.slot).toString());
      store<u64>(call.slot, call.requestBytes);
    }
    if (words.has("count")) {
      words.total.value++;
      words.active.value++;
    }
    if (verb == "RELEASE" || verb == "REFUSE") return this.settle(call, verb == "RELEASE");
    if (words.has("refuse")) {
      return this.answer(call, ErrorKind.PermissionDenied, ResponseFlag.Unauthorized, REFUSED);
    }
    if (words.has("delay")) {
      call.delayMs = DELAY_MS;
      return FilterStatus.Pause;
    }
    if (!words.has("pause")) return FilterStatus.Continue;
    this.paused.push(call.handle);
    return FilterStatus.Pause;
  }

  override onDelayed(call: Call, config: FilterConfig): FilterStatus {
    const words = changetype<Words>(config);
    if (words.has("trace")) this.tell("onDelayed", this.verb(call) + this.source(call));
    if (!words.has("late")) return FilterStatus.Continue;
    return this.answer(call, ErrorKind.PermissionDenied, ResponseFlag.Unauthorized, REFUSED);
  }

  private source(call: Call): string {
    return call.sourceAddress(this.value) ? " from " + textOf(this.value) : "";
  }

  private settle(call: Call, isReleased: bool): FilterStatus {
    this.isSettling = true;
    this.isReleased = isReleased;
    return this.answer(call, ErrorKind.Internal, ResponseFlag.FaultInjected, RELEASED);
  }

  override onTick(nowMs: u64): void {
    if (!this.isSettling) return;
    this.isSettling = false;
    this.value.ptr = REFUSED.ptr;
    this.value.len = REFUSED.len;
    const host = filterHost();
    for (let i = 0; i < this.paused.length; i++) {
      const handle = this.paused[i];
      if (this.isReleased) host.resume(handle);
      else host.reply(handle, ErrorKind.RateLimited, 0, ResponseFlag.RateLimited, this.value);
    }
    this.paused.length = 0;
  }

  private answer(call: Call, kind: ErrorKind, flag: ResponseFlag, text: StaticText): FilterStatus {
    this.value.ptr = text.ptr;
    this.value.len = text.len;
    call.reply(kind, kind == ErrorKind.PermissionDenied ? CODE : NO_ERROR_CODE, flag, this.value);
    return FilterStatus.Reply;
  }

  override onResponse(call: Call, config: FilterConfig): void {
    const words = changetype<Words>(config);
    if (!words.has("trace")) return;
    const isResponse = call.message.type == MessageType.Response;
    this.tell("onResponse", isResponse ? call.message.frameLength.toString() : "no response");
  }

  override onEnd(call: Call, config: FilterConfig): void {
    const words = changetype<Words>(config);
    if (words.has("trace")) {
      const flag = flagText(call.flag);
      const what = String.UTF8.decodeUnsafe(flag.ptr, flag.len) + " " + call.status.toString();
      const bytes = call.requestBytes.toString() + "/" + call.responseBytes.toString();
      const ms = ((call.endNs - call.startNs) / 1000000).toString();
      const where = textOf(call.tableName) + "/" + textOf(call.routeName);
      const upstream = call.upstreamAddress(this.value) ? textOf(this.value) : "none";
      const tries = call.tries.toString();
      this.tell("onEnd", `${what} ${bytes} ${ms}ms ${where} ${upstream} ${tries}`);
    }
    if (words.has("count")) words.active.value--;
    if (words.has("who")) {
      this.tell("client", call.sourceAddress(this.value) ? textOf(this.value) : "unknown");
    }
    if (words.has("mark")) this.tell("slot at end", load<u64>(call.slot).toString());
  }

  private tell(callback: string, text: string): void {
    log(LogLevel.Info, this.name + " " + callback + ": " + text);
  }
}

function textOf(slice: Slice): string {
  return String.UTF8.decodeUnsafe(slice.ptr, slice.len);
}

installFilter(new TextFilter("test.first"));
installFilter(new TextFilter("test.second"));
installFilter(new JsonFilter("test.json"));

registerPlugin((id: u32): PluginContext => new SwitchboardPlugin(new LineCodec(), "line"));
