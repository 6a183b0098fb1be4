import {
  addressFields,
  type AuthorizationSpec,
  identityFields,
  patterns,
  policyFields,
  type Source,
  someOf,
} from "./authorization.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import { object, type Read } from "./schema/composites.js";
import { mapped, type Schema } from "./schema/schema.js";

const operation = someOf(
  object({
    interfaces: patterns("of the service that is called"),
    notInterfaces: patterns("none of these"),
    methods: patterns("that are called"),
    notMethods: patterns("none of these"),
  }),
);

export type DubboOperation = Read<typeof operation>;

/** Aeraki's sources know no addresses. */
const source: Schema<Source> = mapped(someOf(object(identityFields)), (identity) => ({
  ...identity,
  ...NO_ADDRESSES,
}));

const NO_ADDRESSES: Pick<Source, keyof typeof addressFields> = { ipBlocks: [], notIpBlocks: [] };

const spec: Schema<AuthorizationSpec<DubboOperation>> = mapped(
  object(policyFields(source, operation)),
  (policy) => ({ ...policy, dryRun: false, hosts: undefined }),
);

export type DubboAuthorizationPolicy = ResourceEnvelope<
  "DubboAuthorizationPolicy",
  AuthorizationSpec<DubboOperation>
>;

export const dubboAuthorizationPolicyKind: KindDefinition<
  "DubboAuthorizationPolicy",
  AuthorizationSpec<DubboOperation>
> = {
  kind: "DubboAuthorizationPolicy",
  group: "dubbo.aeraki.io",
  versions: ["v1alpha1"],
  namespaced: true,
  unknownFields: "fault",
  shape: spec.shape,
  readSpec: spec.read,
};
