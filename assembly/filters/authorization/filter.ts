// Refuses requests by policies: a DENY policy that matches, then ALLOW policies none of which matches.
//
// What is asked of a client is known after its first request (Call.sourcePrincipal, Call.sourceAddress): two host
// calls for a connection, none for a request.
// Allocates: at configuration.
import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { Slice } from "../../codec/message";
import { Call } from "../../filter/call";
import { Counter, counterOf } from "../../filter/counter";
import { Filter, FilterConfig, FilterStatus } from "../../filter/filter";
import { FilterSetup } from "../../filter/filter-setup";
import { ResponseFlag } from "../../filter/response-flag";
import { StaticText } from "../../wire/static-text";
import { Authorization, decodeAuthorization } from "./config";
import { DryRunReport } from "./dry-run-report";
import { PeerIdentity } from "./peer-identity";

/** No more: a client that is refused learns nothing of the policies. */
const DENIED = new StaticText("access denied");

/** Metrics of a worker, which are there once there is a configuration. */
class AuthorizationCounters {
  readonly allowed: Counter = counterOf("authorization_allowed");
  readonly denied: Counter = counterOf("authorization_denied");
  readonly dryRunAllowed: Counter = counterOf("authorization_dry_run_allowed");
  readonly dryRunDenied: Counter = counterOf("authorization_dry_run_denied");
}

export class AuthorizationFilter extends Filter {
  private counters: AuthorizationCounters | null = null;
  private readonly peer: PeerIdentity = new PeerIdentity();
  private readonly report: DryRunReport = new DryRunReport();
  private readonly text: Slice = new Slice();

  constructor() {
    super("metaproto.filters.authorization");
    this.text.ptr = DENIED.ptr;
    this.text.len = DENIED.len;
  }

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    if (this.counters === null) this.counters = new AuthorizationCounters();
    return decodeAuthorization(ptr, len, setup);
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const authorization = changetype<Authorization>(config);
    const counters = this.counters!;
    if (authorization.needsPeer) this.peer.read(call);
    if (this.isAllowed(call, authorization)) {
      counters.allowed.value++;
      return FilterStatus.Continue;
    }
    counters.denied.value++;
    const flag = ResponseFlag.Unauthorized;
    call.reply(ErrorKind.PermissionDenied, NO_ERROR_CODE, flag, this.text);
    return FilterStatus.Reply;
  }

  override onTick(nowMs: u64): void {
    this.report.onTick(nowMs);
  }

  private isAllowed(call: Call, config: Authorization): bool {
    const peer = this.peer;
    // A DENY policy might be for the client of which nothing is known.
    if (config.dependsOnPeer && !peer.isKnown) return false;
    if (config.deny.find(call, peer) !== null) return false;
    const dryRunDenial = config.dryRunDeny.find(call, peer);
    const isAllowed = config.allow.find(call, peer) !== null;
    const hasAllow = !config.allow.isEmpty;
    const hasDryRunAllow = !config.dryRunAllow.isEmpty;
    const isDryRunAllowed =
      !isAllowed && hasDryRunAllow && config.dryRunAllow.find(call, peer) !== null;
    if (hasAllow && !isAllowed) {
      if (isDryRunAllowed && dryRunDenial === null) this.counters!.dryRunAllowed.value++;
      return false;
    }
    const isWithoutAllow = hasDryRunAllow && !isAllowed && !isDryRunAllowed;
    if (dryRunDenial !== null || isWithoutAllow) {
      this.counters!.dryRunDenied.value++;
      // For the log; no policy has asked.
      if (!config.needsPeer) peer.read(call);
      this.report.add(peer, dryRunDenial);
    }
    return true;
  }
}
