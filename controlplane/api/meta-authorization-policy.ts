import { attributeMatches } from "./attribute-match.js";
import {
  anySource,
  type AuthorizationSpec,
  dryRun,
  policyFields,
  someOf,
} from "./authorization.js";
import { hostNameFault, hostNames } from "./host-name.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import { object, optional, type Read, withDefault } from "./schema/composites.js";
import { mapped, type Schema } from "./schema/schema.js";

const operation = someOf(
  object({
    attributes: withDefault(attributeMatches, {}, "all must hold: see [matches](#matches)"),
    notAttributes: withDefault(attributeMatches, {}, "none of these may hold"),
  }),
);

export type MetaOperation = Read<typeof operation>;

const written = object({
  ...policyFields(someOf(anySource), operation),
  hosts: optional(
    hostNames(hostNameFault),
    "of the services that it is for, short names too",
    "all of its namespace",
  ),
  dryRun,
});

const spec: Schema<AuthorizationSpec<MetaOperation>> = mapped(written, (policy) => ({
  ...policy,
  dryRun: policy.dryRun ?? false,
}));

export type MetaAuthorizationPolicy = ResourceEnvelope<
  "MetaAuthorizationPolicy",
  AuthorizationSpec<MetaOperation>
>;

export const metaAuthorizationPolicyKind: KindDefinition<
  "MetaAuthorizationPolicy",
  AuthorizationSpec<MetaOperation>
> = {
  kind: "MetaAuthorizationPolicy",
  group: "metaprotocol.aeraki.io",
  versions: ["v1alpha1"],
  namespaced: true,
  unknownFields: "fault",
  shape: spec.shape,
  readSpec: spec.read,
};
