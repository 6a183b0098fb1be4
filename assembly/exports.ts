// What an entry file exports to the host, and nothing else: `export * from "metaproto-as/exports"`.
export * from "./switchboard/exports";
