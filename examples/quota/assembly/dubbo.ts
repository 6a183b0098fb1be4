// The module for Dubbo: the engine, the codec, the built-in filters, and behind them this project's own.
import { DubboCodec } from "metaproto-as/codecs/dubbo/codec";
import {
  installBuiltInFilters,
  installFilter,
  PluginContext,
  registerPlugin,
  SwitchboardPlugin,
} from "metaproto-as/module";
import { QuotaFilter } from "./filter";

export * from "metaproto-as/exports";

installBuiltInFilters();
installFilter(new QuotaFilter());
registerPlugin((id: u32): PluginContext => new SwitchboardPlugin(new DubboCodec(), "dubbo"));
