// The package `metaproto-test`: what tests of modules import, whoever wrote them.

export * from "../host/index.js";
export { dubboFrames, type FrameFormat, readFrame, thriftFrames } from "./frames.js";
export { RecordedServer } from "./recorded-server.js";
export {
  TestMesh,
  type NamedFilter,
  type NamedMutation,
  type TestMeshOptions,
  type TestRoute,
} from "./test-mesh.js";
