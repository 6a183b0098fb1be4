// What an entry file puts a module together with: `import { ... } from "metaproto-as/module"`.

export { installFilter } from "./filter/installed";
export { installBuiltInFilters } from "./modules/built-in-filters";
export { registerPlugin } from "./proxy-wasm-as/context/callbacks-lifecycle";
export { PluginContext } from "./proxy-wasm-as/context/plugin-context";
export { SwitchboardPlugin } from "./switchboard/plugin/switchboard-plugin";
