// The filters of every built-in module, in the order in which requests meet them: those that observe first,
// so that they see what the others refuse, tracing before the log that names the trace, and before all of them
// the one that knows who is at the other end.
// Allocates: when the module starts.

import { installFilter } from "../filter/installed";
import { AccessLogFilter } from "../filters/access-log/filter";
import { AuthorizationFilter } from "../filters/authorization/filter";
import { FaultFilter } from "../filters/fault/filter";
import { GlobalRateLimitFilter } from "../filters/global-rate-limit/filter";
import { LocalRateLimitFilter } from "../filters/local-rate-limit/filter";
import { PeerMetadataFilter } from "../filters/peer-metadata/filter";
import { StatsFilter } from "../filters/stats/stats-filter";
import { TracingFilter } from "../filters/tracing/filter";

/** Before the plugin is registered. */
export function installBuiltInFilters(): void {
  installFilter(new PeerMetadataFilter());
  installFilter(new StatsFilter());
  installFilter(new TracingFilter());
  installFilter(new AccessLogFilter());
  installFilter(new AuthorizationFilter());
  installFilter(new FaultFilter());
  installFilter(new LocalRateLimitFilter());
  installFilter(new GlobalRateLimitFilter());
}
