// The rules of the real host that kill a worker's VM or the whole Envoy when a module breaks them.
// A test must fail where Envoy would crash, and the message must say which rule was broken.

export const RULES = {
  trap: "trap: kills every connection of a worker, because the worker's VM fails",
  "second-continue":
    "at most one continue_stream for a connection in one VM call: the second runs inside the first one's write, Envoy segfaults",
  "continue-from-close":
    "no continue_stream for a downstream connection from a close callback: its write may be on the stack, Envoy segfaults; post it through the shared queue",
  "continue-from-own-write":
    "no continue_stream for a downstream connection from a downstream's own on_upstream_data: its write is on the stack, Envoy segfaults; post it through the shared queue",
  "close-behind-continue":
    "no close_stream for a downstream connection behind its continue_stream in one VM call: the close runs inside the write and drops what was to be written; close it in a posted call",
  "too-many-continues":
    "at most 64 continue_stream for downstream connections in one VM call: each one's write calls the VM again nested in the one before, and V8's stack overflows; post the rest",
  nesting:
    "VM calls nest too deep: V8 ends in 'Maximum call stack size exceeded' at about 1,500, which fails the VM",
  "stop-on-write-path":
    "StopIteration on the write path (on_upstream_data): it cannot be resumed, the bytes are lost",
  "dial-behind-continue":
    "no http_call to the internal listener while actions are queued in the same VM call: the nested callbacks of the dial run them in the middle of it",
  "request-echoed":
    "echo sends the client its own request: the read buffer of a downstream connection must be emptied or replaced before continue_stream",
  "request-head-sent":
    "the head of the never-answered HTTP request is sent to the server: empty the read buffer of an upstream connection before the first continue_stream",
  "restricted-call":
    "only logging, the clock and poll_oneoff may be called while the host allocates memory or starts the VM: anything else traps",
  "start-section":
    "no host call from the module's start section: the host has no context yet, Envoy segfaults; compile with --exportStart _initialize",
  "endless-callback":
    "an http_call or gRPC stream that fails at once in a nested VM call: the host defers its callback for ever, the worker hangs",
} as const;

export type RuleName = keyof typeof RULES;

/** Rules that cost a connection its bytes and not Envoy its life: a test may permit breaking them. */
export type SurvivableRule =
  "request-echoed" | "request-head-sent" | "close-behind-continue" | "dial-behind-continue";

export type Permit = ReadonlySet<SurvivableRule>;

/** A module did what kills the real host. `rule` names which rule; `cause` is the module's own error. */
export class HostRuleViolation extends Error {
  readonly rule: RuleName;

  constructor(rule: RuleName, detail: string, options?: ErrorOptions) {
    super(`${RULES[rule]} [${detail}]`, options);
    this.name = "HostRuleViolation";
    this.rule = rule;
  }
}
