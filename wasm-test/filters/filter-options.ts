// Configurations of filters as a route configuration in JSON has them.
import {
  create,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { FilterOptions } from "../switchboard/mesh.js";

/** The filter whose configuration is the message `schema` of proto/metaproto/filters/v1. */
export function filterOptions<Desc extends DescMessage>(
  schema: Desc,
  init: MessageInitShape<Desc>,
): FilterOptions {
  const message: MessageShape<Desc> = create(schema, init);
  return {
    name: filterName(schema),
    config: Buffer.from(toBinary(schema, message)).toString("base64"),
  };
}

/** `metaproto.filters.` and the name of the proto file. */
function filterName(schema: DescMessage): string {
  return `metaproto.filters.${schema.file.name.replace(/^.*\//, "")}`;
}
