// What an API server asks of a webhook, and how it is answered: AdmissionReview of admission.k8s.io/v1.
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response
import type { FieldFault } from "../api/fault.js";
import { object, optional, type Read, required } from "../api/schema/composites.js";
import { anything, longText, nonEmptyText, oneOf } from "../api/schema/scalars.js";
import { Findings, Site } from "../api/schema/site.js";

/** API servers add fields from version to version. */
const isOpen = true;

const groupVersionKind = object(
  {
    group: required(longText, "empty: the core group"),
    version: required(nonEmptyText, ""),
    kind: required(nonEmptyText, ""),
  },
  { isOpen },
);

const admissionRequest = object(
  {
    uid: required(nonEmptyText, "of the request; the answer repeats it"),
    kind: required(groupVersionKind, "of the object"),
    subResource: optional(longText, "such as `status`"),
    name: optional(longText, "absent: the server will make one up"),
    namespace: optional(longText, "absent: the kind belongs to none"),
    operation: required(oneOf("CREATE", "UPDATE", "DELETE", "CONNECT"), ""),
    object: optional(anything, "as it would be"),
    oldObject: optional(anything, "as it is"),
  },
  { isOpen },
);

const admissionReview = object(
  {
    apiVersion: required(oneOf("admission.k8s.io/v1"), ""),
    kind: required(oneOf("AdmissionReview"), ""),
    request: required(admissionRequest, ""),
  },
  { isOpen },
);

export type AdmissionRequest = Read<typeof admissionRequest>;

/** Faults: it is refused, for these reasons. */
export interface AdmissionVerdict {
  readonly faults: readonly FieldFault[];
  readonly warnings: readonly FieldFault[];
}

/** @throws Error with everything that is wrong with it, by field. */
export function readAdmissionReview(document: unknown): AdmissionRequest {
  const findings = new Findings("warning", "");
  const { request } = admissionReview.read(document, Site.root(findings));
  const { faults } = findings;
  if (faults.length > 0) throw new Error(`not an AdmissionReview: ${textOf(faults)}`);
  return request;
}

/** What servers pass on of one warning, and of all: they cut off the rest. */
const MAX_WARNING_LENGTH = 256;
const MAX_WARNINGS = 14;
/** Enough to put it right; a thousand routes may all have the same mistake. */
const MAX_CAUSES = 32;

/** The document to answer with. */
export function admissionAnswer(
  { uid, kind, name, object: judged }: AdmissionRequest,
  { faults, warnings }: AdmissionVerdict,
): object {
  const told = warnings.map((warning) => shortened(lineOf(warning)));
  const response = {
    uid,
    allowed: faults.length === 0,
    ...(told.length > 0 && { warnings: atMost(told, MAX_WARNINGS) }),
    ...(faults.length > 0 && {
      status: {
        status: "Failure",
        code: 422,
        reason: "Invalid",
        message: atMost(faults.map(lineOf), MAX_CAUSES).join("; "),
        details: {
          group: kind.group,
          kind: kind.kind,
          name: name ?? nameOf(judged),
          causes: faults.slice(0, MAX_CAUSES).map(({ path, message }) => ({
            reason: "FieldValueInvalid",
            field: path,
            message,
          })),
        },
      },
    }),
  };
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
}

function nameOf(judged: unknown): string {
  const metadata = (judged as { metadata?: { name?: unknown; generateName?: unknown } } | undefined)
    ?.metadata;
  const known = metadata?.name ?? metadata?.generateName;
  return typeof known === "string" ? known : "";
}

function textOf(faults: readonly FieldFault[]): string {
  return atMost(faults.map(lineOf), MAX_CAUSES).join("; ");
}

function lineOf({ path, message }: FieldFault): string {
  return path === "" ? message : `${path}: ${message}`;
}

function atMost(lines: readonly string[], max: number): readonly string[] {
  if (lines.length <= max) return lines;
  return [...lines.slice(0, max - 1), `and ${lines.length - max + 1} more`];
}

function shortened(text: string): string {
  return text.length <= MAX_WARNING_LENGTH ? text : `${text.slice(0, MAX_WARNING_LENGTH - 1)}…`;
}
