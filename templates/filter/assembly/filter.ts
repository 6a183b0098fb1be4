// Refuses requests by the value of one of their attributes.
//
// Runs for each request: nothing is allocated here, so no `new`, no strings, no array literals.
import {
  Call,
  ErrorKind,
  Filter,
  FilterConfig,
  FilterSetup,
  FilterStatus,
  NO_ERROR_CODE,
  ResponseFlag,
  Slice,
  StaticText,
} from "metaproto-as/filter";
import { __Name__Settings, readSettings } from "./settings";

const REFUSED = new StaticText("refused by __name__");

export class __Name__Filter extends Filter {
  private readonly value: Slice = new Slice();
  private readonly text: Slice = new Slice();

  constructor() {
    super("__name__");
    this.text.ptr = REFUSED.ptr;
    this.text.len = REFUSED.len;
  }

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    return readSettings(ptr, len, setup);
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const settings = changetype<__Name__Settings>(config);
    if (!settings.attribute.find(call, this.value)) return FilterStatus.Continue;
    if (!settings.refuses(this.value)) return FilterStatus.Continue;
    settings.refused.value++;
    call.reply(ErrorKind.PermissionDenied, NO_ERROR_CODE, ResponseFlag.Unauthorized, this.text);
    return FilterStatus.Reply;
  }
}
