// What a DestinationRule says of responses beyond Istio's fields, which have no place for it:
//
//     metadata:
//       annotations:
//         metaproto.io/outlier-business-errors: "true"
//         metaproto.io/outlier-success-rate-stdev-factor: "1900"
//
// In annotations, a file with them stays valid for Istio.
import type { Metadata } from "./resource.js";
import { type Findings, Site } from "./schema/site.js";
import type {
  OutlierDetectionSettings,
  ResponseOutliers,
  TrafficPolicy,
} from "./traffic-policy.js";

const PREFIX = "metaproto.io/";
const BUSINESS_ERRORS = `${PREFIX}outlier-business-errors`;
const STDEV_FACTOR = `${PREFIX}outlier-success-rate-stdev-factor`;
const MINIMUM_HOSTS = `${PREFIX}outlier-success-rate-minimum-hosts`;
const REQUEST_VOLUME = `${PREFIX}outlier-success-rate-request-volume`;

const KNOWN: readonly string[] = [BUSINESS_ERRORS, STDEV_FACTOR, MINIMUM_HOSTS, REQUEST_VOLUME];
const MAX_UINT32 = 2 ** 32 - 1;

/** Undefined: there are no such annotations. */
export function readResponseOutliers(
  { annotations }: Metadata,
  findings: Findings,
): ResponseOutliers | undefined {
  const own = Object.keys(annotations).filter((name) => name.startsWith(PREFIX));
  if (own.length === 0) return undefined;
  const placeOf = (name: string): Site =>
    Site.root(findings).field("metadata").field("annotations").field(name);
  for (const name of own) if (!KNOWN.includes(name)) placeOf(name).fault("unknown annotation");
  const integer = (name: string): number | undefined => {
    const text = annotations[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= MAX_UINT32) return value;
    placeOf(name).fault(`must be an integer from 1 to ${MAX_UINT32}, not \`${text}\``);
    return undefined;
  };
  const business = annotations[BUSINESS_ERRORS];
  if (business !== undefined && !["true", "false"].includes(business))
    placeOf(BUSINESS_ERRORS).fault(`must be \`true\` or \`false\`, not \`${business}\``);
  return {
    countBusinessErrors: business === "true",
    successRateStdevFactor: integer(STDEV_FACTOR) ?? 0,
    successRateMinimumHosts: integer(MINIMUM_HOSTS),
    successRateRequestVolume: integer(REQUEST_VOLUME),
  };
}

/** The policy with `responses` wherever it ejects endpoints. */
export function withResponseOutliers(
  policy: TrafficPolicy,
  responses: ResponseOutliers,
): TrafficPolicy {
  const extend = <P extends { readonly outlierDetection: OutlierDetectionSettings | undefined }>(
    part: P,
  ): P => ({
    ...part,
    outlierDetection: part.outlierDetection && { ...part.outlierDetection, responses },
  });
  return { ...extend(policy), portLevelSettings: policy.portLevelSettings.map(extend) };
}
