// AssemblyScript: the Dubbo module, and what it holds.

export * from "../../assembly/modules/dubbo";
export * from "./switchboard-probe";
