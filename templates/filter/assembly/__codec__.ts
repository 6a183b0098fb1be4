// The module for __Codec__: the engine, the codec, the built-in filters, and behind them this project's own.
import { __Codec__Codec } from "metaproto-as/codecs/__codec__/codec";
import {
  installBuiltInFilters,
  installFilter,
  PluginContext,
  registerPlugin,
  SwitchboardPlugin,
} from "metaproto-as/module";
import { __Name__Filter } from "./filter";

export * from "metaproto-as/exports";

installBuiltInFilters();
installFilter(new __Name__Filter());
registerPlugin(
  (id: u32): PluginContext => new SwitchboardPlugin(new __Codec__Codec(), "__codec__"),
);
