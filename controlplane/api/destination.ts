import { hostNameFault, isDnsLabel } from "./host-name.js";
import { object, optional, type Read, required } from "./schema/composites.js";
import { checked, mapped } from "./schema/schema.js";
import { integer, textOrNothing, textWithout } from "./schema/scalars.js";

const subset = checked(textOrNothing, (value, site) => {
  if (value !== undefined && !isDnsLabel(value))
    site.fault(`\`${value}\` must consist of letters, digits and \`-\``);
});

const port = mapped(
  object({ number: required(integer(1, 65535), "port of that host", "the listener's") }),
  ({ number }) => number,
);

/** The host is as written: short names are not expanded. */
export const destination = object({
  host: required(textWithout(hostNameFault), "host of a ServiceEntry that the MetaRouter may see"),
  subset: optional(subset, "subset of a DestinationRule", "all endpoints"),
  port: optional(port, ""),
});

export type Destination = Read<typeof destination>;
