// Who may ask for what: metaproto.filters.v1.Authorization, decoded.
// Source: proto/metaproto/filters/v1/authorization.proto
// Allocates: at configuration.
import { FilterConfig } from "../../filter/filter";
import { counterOf } from "../../filter/counter";
import { FilterSetup } from "../../filter/filter-setup";
import { equalBytes } from "../../wire/bytes";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { StaticText } from "../../wire/static-text";
import { IpRanges } from "./ip-address";
import { Policies, Policy, Rule, Source } from "./policy";
import { TextPatterns } from "./text-pattern";

const POLICIES: u32 = 1;
const POLICY_NAME: u32 = 1;
const POLICY_ACTION: u32 = 2;
const POLICY_RULES: u32 = 3;
const POLICY_DRY_RUN: u32 = 4;
const RULE_FROM: u32 = 1;
const RULE_TO: u32 = 2;
const OPERATION_MATCH: u32 = 1;
const ACTION_DENY: u64 = 1;

/** Each is looked at for each request. */
const MAX_POLICIES: i32 = 256;
/** Rules, sources, operations and what they list, of all policies together. */
const MAX_POLICY_ENTRIES: u32 = 10000;
const MAX_POLICY_NAME_BYTES: u32 = 400;

const SPIFFE = new StaticText("spiffe://");

export class Authorization extends FilterConfig {
  readonly deny: Policies = new Policies();
  readonly allow: Policies = new Policies();
  readonly dryRunDeny: Policies = new Policies();
  readonly dryRunAllow: Policies = new Policies();
  /** A policy asks who the client is. */
  needsPeer: bool = false;
  /** One that is not a dry run does. */
  dependsOnPeer: bool = false;
}

/** Null: there was a fault in it, and `setup` was told. */
export function decodeAuthorization(
  ptr: usize,
  len: u32,
  setup: FilterSetup,
): Authorization | null {
  return new Decoder(setup).decode(ptr, len);
}

class Decoder {
  private readonly reader: ProtobufReader = new ProtobufReader();
  private readonly config: Authorization = new Authorization();
  private entries: u32 = 0;
  private hasSource: bool = false;
  private isFaulty: bool = false;

  constructor(private readonly setup: FilterSetup) {}

  decode(ptr: usize, len: u32): Authorization | null {
    const reader = this.reader;
    let count = 0;
    reader.reset(ptr, len);
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes || reader.field != POLICIES) continue;
      if (count == MAX_POLICIES) {
        this.refuse("policies", "more than " + MAX_POLICIES.toString());
        break;
      }
      this.setup.enter("policies", count++);
      this.takePolicy();
      this.setup.leave();
    }
    if (reader.isMalformed) this.refuse("", "malformed protobuf");
    else if (count == 0) this.refuse("policies", "missing");
    return this.isFaulty ? null : this.config;
  }

  private refuse(field: string, text: string): void {
    this.setup.fault(field, text);
    this.isFaulty = true;
  }

  private takePolicy(): void {
    const reader = this.reader;
    let name = "";
    let isDeny: bool = false;
    let isDryRun: bool = false;
    const rules = new Array<Rule>();
    this.hasSource = false;
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType == WireType.Varint) {
        if (reader.field == POLICY_ACTION) isDeny = this.takeAction();
        else if (reader.field == POLICY_DRY_RUN) isDryRun = reader.value != 0;
      } else if (reader.wireType != WireType.Bytes) {
        continue;
      } else if (reader.field == POLICY_NAME) {
        name = this.takeName();
      } else if (reader.field == POLICY_RULES) {
        this.setup.enter("rules", rules.length);
        rules.push(this.takeRule());
        this.setup.leave();
      }
    }
    reader.leave(end);
    if (name.length == 0) this.refuse("name", "missing");
    if (this.isFaulty) return;
    const counter = counterOf("authorization_policy." + name + ".matched");
    const policy = new Policy(String.UTF8.encode(name), rules, counter);
    const config = this.config;
    if (isDeny) (isDryRun ? config.dryRunDeny : config.deny).list.push(policy);
    else (isDryRun ? config.dryRunAllow : config.allow).list.push(policy);
    if (!this.hasSource) return;
    config.needsPeer = true;
    if (!isDryRun) config.dependsOnPeer = true;
  }

  private takeAction(): bool {
    if (this.reader.value > ACTION_DENY) this.refuse("action", "unknown");
    return this.reader.value == ACTION_DENY;
  }

  /** Printable ASCII, since it is part of a metric's name and of log lines. */
  private takeName(): string {
    const reader = this.reader;
    if (reader.len > MAX_POLICY_NAME_BYTES) {
      this.refuse("name", "longer than " + MAX_POLICY_NAME_BYTES.toString() + " bytes");
      return "-";
    }
    for (let i: u32 = 0; i < reader.len; i++) {
      const byte = <u32>load<u8>(reader.ptr + i);
      if (byte > 0x20 && byte < 0x7f) continue;
      this.refuse("name", "has other characters than printable ASCII");
      return "-";
    }
    return String.UTF8.decodeUnsafe(reader.ptr, reader.len);
  }

  /** Counts one more of what is bounded; false: there are too many. */
  private spend(): bool {
    if (this.entries == MAX_POLICY_ENTRIES) {
      this.refuse("", "more than " + MAX_POLICY_ENTRIES.toString() + " entries of policies");
    }
    this.entries++;
    return this.entries <= MAX_POLICY_ENTRIES;
  }

  private takeRule(): Rule {
    const reader = this.reader;
    const rule = new Rule();
    if (!this.spend()) return rule;
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == RULE_FROM) {
        this.setup.enter("from", rule.from.length);
        this.takeSource(rule);
        this.setup.leave();
      } else if (reader.field == RULE_TO) {
        this.setup.enter("to", rule.to.length);
        this.takeOperation(rule);
        this.setup.leave();
      }
    }
    reader.leave(end);
    return rule;
  }

  private takeOperation(rule: Rule): void {
    const reader = this.reader;
    if (!this.spend()) return;
    const conditions = this.setup.createConditions();
    let matches = 0;
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes || reader.field != OPERATION_MATCH) continue;
      if (!this.spend()) break;
      this.setup.enter("match", matches++);
      if (!conditions.add(reader.ptr, reader.len)) this.isFaulty = true;
      this.setup.leave();
    }
    reader.leave(end);
    // It would be everything, which nobody means who writes an operation.
    if (matches == 0) this.refuse("match", "missing");
    rule.to.push(conditions);
  }

  private takeSource(rule: Rule): void {
    const reader = this.reader;
    if (!this.spend()) return;
    const source = new Source();
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      switch (reader.field) {
        case 1:
          this.takePrincipal("principals", source.principals);
          break;
        case 2:
          this.takePrincipal("notPrincipals", source.notPrincipals);
          break;
        case 3:
          this.takePattern("namespaces", source.namespaces);
          break;
        case 4:
          this.takePattern("notNamespaces", source.notNamespaces);
          break;
        case 5:
          this.takeRange("ipBlocks", source.ipBlocks);
          break;
        case 6:
          this.takeRange("notIpBlocks", source.notIpBlocks);
      }
    }
    reader.leave(end);
    if (source.isEmpty && !this.isFaulty) this.refuse("", "has no field");
    this.hasSource = true;
    rule.from.push(source);
  }

  private takePrincipal(field: string, patterns: TextPatterns): void {
    const reader = this.reader;
    if (reader.len >= SPIFFE.len && equalBytes(reader.ptr, SPIFFE.ptr, SPIFFE.len)) {
      this.refuse(field, "must be without spiffe://");
    }
    this.takePattern(field, patterns);
  }

  private takePattern(field: string, patterns: TextPatterns): void {
    if (!this.spend()) return;
    if (patterns.add(this.reader.ptr, this.reader.len)) return;
    this.refuse(field, "empty, or with a * that is neither its beginning nor its end");
  }

  private takeRange(field: string, ranges: IpRanges): void {
    if (!this.spend()) return;
    if (ranges.add(this.reader.ptr, this.reader.len)) return;
    this.refuse(field, "neither an IP address nor a CIDR range");
  }
}
