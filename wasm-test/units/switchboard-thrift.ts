// AssemblyScript: the Thrift module, and what it holds.

export * from "../../assembly/modules/thrift";
export * from "./switchboard-probe";
