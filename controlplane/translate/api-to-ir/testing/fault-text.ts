import { type Fault, formatFault } from "../../../api/fault.js";

/** As `formatFault`, without the namespace, which does not matter to most tests. */
export function faultText(fault: Fault): string {
  return formatFault({
    ...fault,
    resource: fault.resource && { ...fault.resource, namespace: "" },
  });
}
