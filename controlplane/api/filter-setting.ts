// Filters by their names: users' own, and built-in ones that a route does without.
import { list, object, optional, required, withDefault } from "./schema/composites.js";
import { checked, type Schema } from "./schema/schema.js";
import { anything, boolean, nonEmptyText } from "./schema/scalars.js";
import type { Site } from "./schema/site.js";

export type FilterSetting =
  /** `config` as the filter gets it. */
  | { readonly kind: "own"; readonly name: string; readonly config: string }
  | { readonly kind: "disabled"; readonly name: string };

const PREFIX = "metaproto.filters.";

/** Names of built-in filters with the field that has their configuration; undefined: nobody can do without it. */
export const BUILT_IN_FILTERS: Readonly<Record<string, string | undefined>> = {
  "metaproto.filters.access_log": "accessLog",
  "metaproto.filters.authorization": undefined,
  "metaproto.filters.fault": "fault",
  "metaproto.filters.global_rate_limit": "globalRateLimit",
  "metaproto.filters.local_rate_limit": "localRateLimit",
  "metaproto.filters.peer_metadata": "peerMetadata",
  "metaproto.filters.stats": "stats",
  "metaproto.filters.tracing": "tracing",
};

/** A module refuses a configuration with more: it has no more filters. */
const MAX_FILTERS = 12;

const written = object({
  name: required(
    nonEmptyText,
    "of a filter of the module: one of your own, or a built-in one that requests are to pass by",
  ),
  config: optional(
    anything,
    "what your filter is to do: a text as it is, anything else as JSON",
    "nothing",
  ),
  disabled: withDefault(boolean, false, "requests pass the filter by", "`false`"),
});

const filterSetting: Schema<FilterSetting> = {
  shape: written.shape,
  fallback: { kind: "disabled", name: "" },
  read(value, site) {
    const { name, config, disabled } = written.read(value, site);
    if (disabled && config !== undefined)
      site.field("config").fault("must not be there together with `disabled`");
    const fault = name.startsWith(PREFIX) ? builtInFault(name, disabled) : undefined;
    if (fault !== undefined) site.field("name").fault(fault);
    if (disabled) return { kind: "disabled", name };
    const text = typeof config === "string" ? config : JSON.stringify(config ?? "");
    return { kind: "own", name, config: config === undefined ? "" : text };
  },
};

function builtInFault(name: string, isDisabled: boolean): string | undefined {
  if (!Object.hasOwn(BUILT_IN_FILTERS, name)) {
    const known = Object.keys(BUILT_IN_FILTERS).join(", ");
    return `there is no built-in filter \`${name}\`; there are ${known}`;
  }
  const field = BUILT_IN_FILTERS[name];
  if (field === undefined) return "is the business of policies";
  return isDisabled
    ? undefined
    : `is configured by \`${field}\`; only \`disabled\` is possible here`;
}

/** Each name once. */
export const filterSettings: Schema<readonly FilterSetting[]> = checked(
  list(filterSetting, MAX_FILTERS),
  (settings, site) => {
    const seen = new Set<string>();
    settings.forEach(({ name }, index) => {
      if (name !== "" && seen.has(name))
        site.item(index).field("name").fault(`\`${name}\` is there twice`);
      seen.add(name);
    });
  },
);

/** A filter that is configured beside `filters` is not passed by. */
export function checkFilterSettings(
  value: { readonly filters: readonly FilterSetting[] },
  site: Site,
): void {
  value.filters.forEach(({ kind, name }, index) => {
    const field = BUILT_IN_FILTERS[name];
    if (kind !== "disabled" || field === undefined) return;
    if ((value as Readonly<Record<string, unknown>>)[field] !== undefined)
      site.field("filters").item(index).fault(`contradicts \`${field}\``);
  });
}
