// Whether an object may be written as it is meant to be. What other objects say of it is no matter here: they come in any
// order, and the status tells.
import { isDeepStrictEqual } from "node:util";
import { validateResource } from "../api/kinds.js";
import { isObject } from "../api/schema/composites.js";
import type { AdmissionRequest, AdmissionVerdict } from "./admission-review.js";

type Json = Readonly<Record<string, unknown>>;

const ALLOWED: AdmissionVerdict = { faults: [], warnings: [] };

/** @param namespaces that are watched; undefined: all. What nobody here reads is none of our business. */
export function judgeRequest(
  request: AdmissionRequest,
  namespaces?: readonly string[],
): AdmissionVerdict {
  const { operation, namespace = "", subResource = "", object, oldObject } = request;
  if (operation !== "CREATE" && operation !== "UPDATE") return ALLOWED;
  if (subResource !== "") return ALLOWED;
  if (namespace !== "" && namespaces?.includes(namespace) === false) return ALLOWED;
  if (!isObject(object))
    return { faults: [{ path: "", message: "the request has no object" }], warnings: [] };
  if (metadataOf(object)["deletionTimestamp"] !== undefined) return ALLOWED;
  const document = documentOf(object, request);
  // Of what was let in before there was this webhook, labels and finalizers can be edited all the same.
  if (isObject(oldObject) && isDeepStrictEqual(document, documentOf(oldObject, request)))
    return ALLOWED;
  const judged = validateResource(document);
  if (judged.outcome === "unsupported") return ALLOWED;
  const faults = judged.outcome === "invalid" ? judged.faults : [];
  return { faults, warnings: judged.warnings };
}

/** What validators look at. The server says by the request which object it is. */
function documentOf(object: Json, { name, namespace }: AdmissionRequest): Json {
  const { apiVersion, kind, spec } = object;
  const metadata = metadataOf(object);
  const generated = metadata["generateName"];
  return {
    apiVersion,
    kind,
    metadata: {
      name:
        metadata["name"] ?? name ?? (typeof generated === "string" ? `${generated}0` : undefined),
      namespace: namespace ?? metadata["namespace"],
      annotations: metadata["annotations"],
    },
    spec,
  };
}

function metadataOf(object: Json): Json {
  const { metadata } = object;
  return isObject(metadata) ? metadata : {};
}
