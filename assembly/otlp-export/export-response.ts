// What a collector says of a batch: ExportTraceServiceResponse and ExportLogsServiceResponse are alike.
// Source: opentelemetry/proto/collector/{trace,logs}/v1/*_service.proto
// Allocates: when the module starts.

import { ProtobufReader, WireType } from "../wire/protobuf";

const PARTIAL_SUCCESS: u32 = 1;
const REJECTED_RECORDS: u32 = 1;

const reader = new ProtobufReader();

/** Records of the batch that the collector did not take. */
export function rejectedRecords(ptr: usize, len: u32): u64 {
  let rejected: u64 = 0;
  reader.reset(ptr, len);
  while (reader.next()) {
    if (reader.field == PARTIAL_SUCCESS && reader.wireType == WireType.Bytes) rejected = inField();
  }
  return rejected;
}

function inField(): u64 {
  let rejected: u64 = 0;
  const end = reader.enter();
  while (reader.next()) {
    const isCount = reader.field == REJECTED_RECORDS && reader.wireType == WireType.Varint;
    if (isCount) rejected = reader.value;
  }
  reader.leave(end);
  return rejected;
}
