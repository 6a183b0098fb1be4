// The module: the engine, the built-in filters, and this codec.
import {
  installBuiltInFilters,
  PluginContext,
  registerPlugin,
  SwitchboardPlugin,
} from "metaproto-as/module";
import { __Name__Codec } from "./codec";

export * from "metaproto-as/exports";

installBuiltInFilters();
registerPlugin((id: u32): PluginContext => new SwitchboardPlugin(new __Name__Codec(), "__name__"));
