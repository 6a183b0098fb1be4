// From the bytes of a metaproto.v1.FrameTable to records that can be executed.
//
// Tables come from the control plane, and are believed no more than bytes of a network: whatever is in one,
// using it reads and writes nothing that it must not, and takes a bounded number of steps.
// Allocates: cold path only.

import { checkLayout } from "./layout-check";
import { decodeLayout } from "./layout-decoder";
import { MAX_ATTRIBUTES, MAX_LAYOUTS, MAX_TEXT_BYTES } from "./limits";
import { Layout, OwnedText, Table } from "./records";
import { TableReader } from "./table-reader";

const MAX_CONNECTION_MODE: u32 = 2;
const MAX_PROTOCOL_BYTES: u32 = 63;

export class TableDecoder {
  private readonly reader: TableReader = new TableReader();
  /** Why `decode` gave none. */
  get fault(): string {
    return this.reader.fault;
  }

  /** The table in `len` bytes at `ptr`, or null. */
  decode(ptr: usize, len: u32): Table | null {
    const reader = this.reader;
    const fields = reader.fields;
    const table = new Table();
    const attributes = new Array<OwnedText>();
    const layouts = new Array<Layout>();
    reader.fault = "";
    fields.reset(ptr, len);
    while (reader.isSound && fields.next()) {
      switch (fields.field) {
        case 1:
          if (attributes.length == MAX_ATTRIBUTES) reader.fail("too many attributes");
          attributes.push(reader.text(MAX_TEXT_BYTES));
          break;
        case 2: {
          const end = reader.enter(layouts.length, MAX_LAYOUTS);
          if (end == 0) break;
          layouts.push(decodeLayout(reader));
          fields.leave(end);
          break;
        }
        case 3:
          table.idBits = reader.number(64);
          break;
        case 4:
          table.connectionMode = reader.number(MAX_CONNECTION_MODE);
          break;
        case 5:
          table.protocol = reader.text(MAX_PROTOCOL_BYTES);
          break;
        default:
      }
    }
    if (fields.isMalformed) reader.fail("no protobuf");
    if (layouts.length == 0) reader.fail("a table without layouts");
    for (let i = 0; i < layouts.length && reader.isSound; i++) {
      checkLayout(reader, layouts[i], attributes.length);
      if ((layouts[i].id != 0) != (table.idBits != 0)) reader.fail("an id without a width");
    }
    table.attributes = StaticArray.fromArray(attributes);
    table.layouts = StaticArray.fromArray(layouts);
    return reader.isSound ? table : null;
  }
}
