import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  AuthorizationPolicy_Action as Action,
  type AuthorizationSchema,
} from "../../gen/metaproto/filters/v1/authorization_pb.js";
import type { Authorization } from "../../ir/filter.js";
import type { TranslateMatches } from "./matches.js";

export function authorization(
  { policies }: Authorization,
  matches: TranslateMatches,
): MessageInitShape<typeof AuthorizationSchema> {
  return {
    policies: policies.map(({ name, action, rules, dryRun }) => ({
      name,
      action: action === "deny" ? Action.DENY : Action.ALLOW,
      rules: rules.map(({ from, to }) => ({
        from: from.map((source) => ({
          principals: [...source.principals],
          notPrincipals: [...source.notPrincipals],
          namespaces: [...source.namespaces],
          notNamespaces: [...source.notNamespaces],
          ipBlocks: [...source.ipBlocks],
          notIpBlocks: [...source.notIpBlocks],
        })),
        to: to.map((match) => ({ match: matches(match) })),
      })),
      dryRun,
    })),
  };
}
