// What a status says of proxies, while it is not known yet what all of them have: proxies come back to a replica one
// after the other, and to one that has just begun to write they would seem to be gone.
import { isObject } from "../api/schema/composites.js";
import type { Condition, ObjectStatus } from "../kubernetes/status-writer.js";

const PROGRAMMED = "Programmed";

/** What was said before of the same generation stays where the new status says less; a refusal is always told. */
export function withFormerProgress(status: ObjectStatus, former: unknown): ObjectStatus {
  if (!isObject(former) || !isObject(status["proxies"]) || !isObject(former["proxies"]))
    return status;
  const [now, before] = [status["proxies"], former["proxies"]];
  const isFewer = (what: string): boolean => countOf(now, what) < countOf(before, what);
  if (countOf(now, "refused") > countOf(before, "refused")) return status;
  if (!isFewer("asking") && !isFewer("acknowledged")) return status;
  const condition = conditionsOf(former).find(({ type }) => type === PROGRAMMED);
  if (condition === undefined || condition.observedGeneration !== status["observedGeneration"])
    return status;
  const { programmed, proxies } = former;
  return {
    ...status,
    conditions: status.conditions.map((item) => (item.type === PROGRAMMED ? condition : item)),
    proxies,
    programmed,
  };
}

function conditionsOf(status: Readonly<Record<string, unknown>>): readonly Condition[] {
  const { conditions } = status;
  return Array.isArray(conditions) ? (conditions as readonly Condition[]) : [];
}

function countOf(proxies: Readonly<Record<string, unknown>>, what: string): number {
  const count = proxies[what];
  return typeof count === "number" ? count : 0;
}
