// What is to be limited: metaproto.filters.v1.LocalRateLimit, decoded.
// Source: proto/metaproto/filters/v1/local_rate_limit.proto
// Allocates: at configuration.
import { Call } from "../../filter/call";
import { Counter, counterOf } from "../../filter/counter";
import { FilterConfig } from "../../filter/filter";
import { Conditions, FilterSetup } from "../../filter/filter-setup";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { readDurationNs } from "../../wire/protobuf-duration";
import { Bucket } from "./bucket";
import { bucketKey, MatchHash } from "./bucket-key";
import { BucketShape } from "./bucket-record";

const TOKEN_BUCKET: u32 = 1;
const CONDITIONS: u32 = 2;
const NAME: u32 = 3;
const CONDITION_MATCH: u32 = 1;
const CONDITION_TOKEN_BUCKET: u32 = 2;
const BUCKET_TOKENS: u32 = 1;
const TOKENS_PER_FILL: u32 = 2;
const FILL_INTERVAL: u32 = 3;

/** Each is looked at for each request. */
const MAX_CONDITIONS: u32 = 256;
const MAX_BUCKET_NAME_BYTES: u32 = 8192;
const SHORTEST_INTERVAL_NS: i64 = 50000000;
const TEXT = "local rate limit exceeded: ";

export class LocalRateLimit extends FilterConfig {
  /** What users are told. */
  text: ArrayBuffer = new ArrayBuffer(0);
  fallback: Bucket | null = null;
  readonly ok: Counter = counterOf("local_rate_limit_ok");
  readonly enforced: Counter = counterOf("local_rate_limit_enforced");
  readonly conditions: Array<Conditions> = new Array<Conditions>();
  readonly buckets: Array<Bucket> = new Array<Bucket>();

  /** Null: the request is not limited. */
  bucketOf(call: Call): Bucket | null {
    for (let i = 0; i < this.conditions.length; i++) {
      if (unchecked(this.conditions[i]).hold(call.codec, call.message)) {
        return unchecked(this.buckets[i]);
      }
    }
    return this.fallback;
  }
}

/** Null: there was a fault, and `setup` was told. */
export function decodeLocalRateLimit(
  ptr: usize,
  len: u32,
  setup: FilterSetup,
): LocalRateLimit | null {
  return new Decoder(setup).decode(ptr, len);
}

class Decoder {
  private readonly reader: ProtobufReader = new ProtobufReader();
  private readonly config: LocalRateLimit = new LocalRateLimit();
  /** Of the conditions, until the name is known; the last one is the default bucket's. */
  private readonly shapes: Array<BucketShape> = new Array<BucketShape>();
  private readonly hashes: Array<u64> = new Array<u64>();
  private name: ArrayBuffer = new ArrayBuffer(0);
  private isFaulty: bool = false;

  constructor(private readonly setup: FilterSetup) {}

  decode(ptr: usize, len: u32): LocalRateLimit | null {
    const reader = this.reader;
    const config = this.config;
    let fallback: BucketShape | null = null;
    let hasFallback = false;
    reader.reset(ptr, len);
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == TOKEN_BUCKET) {
        hasFallback = true;
        fallback = this.tokenBucket();
      } else if (reader.field == CONDITIONS) this.condition();
      else if (reader.field == NAME) this.takeName();
    }
    if (reader.isMalformed) this.fault("", "malformed protobuf");
    if (this.name.byteLength == 0) this.fault("name", "missing");
    if (!hasFallback && config.conditions.length == 0) {
      this.fault("", "needs tokenBucket or conditions");
    }
    if (this.isFaulty) return null;
    if (fallback !== null) config.fallback = this.bucket(fallback, 0);
    for (let i = 0; i < this.shapes.length; i++) {
      config.buckets.push(this.bucket(this.shapes[i], this.hashes[i]));
    }
    config.text = String.UTF8.encode(TEXT + String.UTF8.decode(this.name));
    return config;
  }

  private bucket(shape: BucketShape, matches: u64): Bucket {
    return new Bucket(shape, bucketKey(this.name, shape, matches));
  }

  private fault(field: string, text: string): void {
    this.setup.fault(field, text);
    this.isFaulty = true;
  }

  private takeName(): void {
    const reader = this.reader;
    if (reader.len > MAX_BUCKET_NAME_BYTES) {
      this.fault("name", "longer than " + MAX_BUCKET_NAME_BYTES.toString() + " bytes");
    }
    this.name = new ArrayBuffer(<i32>min(reader.len, MAX_BUCKET_NAME_BYTES));
    memory.copy(changetype<usize>(this.name), reader.ptr, <usize>this.name.byteLength);
  }

  private condition(): void {
    const reader = this.reader;
    const setup = this.setup;
    const index = this.config.conditions.length;
    if (<u32>index == MAX_CONDITIONS) {
      this.fault("conditions", "more than " + MAX_CONDITIONS.toString());
      return;
    }
    setup.enter("conditions", index);
    const conditions = setup.createConditions();
    const hash = new MatchHash();
    let shape: BucketShape | null = null;
    let hasBucket = false;
    let matches = 0;
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == CONDITION_MATCH) {
        setup.enter("match", matches++);
        if (!conditions.add(reader.ptr, reader.len)) this.isFaulty = true;
        setup.leave();
        hash.add(reader.ptr, reader.len);
      } else if (reader.field == CONDITION_TOKEN_BUCKET) {
        hasBucket = true;
        shape = this.tokenBucket();
      }
    }
    reader.leave(end);
    if (!hasBucket) this.fault("tokenBucket", "missing");
    setup.leave();
    this.config.conditions.push(conditions);
    this.hashes.push(hash.value);
    if (shape !== null) this.shapes.push(shape);
  }

  /** The one at hand; null: it is refused. */
  private tokenBucket(): BucketShape | null {
    const reader = this.reader;
    let maxTokens: u64 = 0;
    let tokensPerFill: u64 = 0;
    let intervalNs: i64 = 0;
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType == WireType.Varint) {
        if (reader.field == BUCKET_TOKENS) maxTokens = reader.value;
        else if (reader.field == TOKENS_PER_FILL) tokensPerFill = reader.value;
      } else if (reader.wireType == WireType.Bytes && reader.field == FILL_INTERVAL) {
        intervalNs = readDurationNs(reader);
      }
    }
    reader.leave(end);
    this.setup.enter("tokenBucket", -1);
    const isRight = this.checkBucket(maxTokens, tokensPerFill, intervalNs);
    this.setup.leave();
    return isRight ? new BucketShape(<u32>maxTokens, <u32>tokensPerFill, <u64>intervalNs) : null;
  }

  private checkBucket(maxTokens: u64, tokensPerFill: u64, intervalNs: i64): bool {
    if (maxTokens == 0 || maxTokens > <u64>u32.MAX_VALUE) {
      this.fault("maxTokens", "must be at least 1");
    }
    if (tokensPerFill == 0 || tokensPerFill > <u64>u32.MAX_VALUE) {
      this.fault("tokensPerFill", "must be at least 1");
    }
    if (intervalNs < 0) this.fault("fillInterval", "negative, or longer than 2147483.647s");
    else if (intervalNs < SHORTEST_INTERVAL_NS) this.fault("fillInterval", "less than 0.05s");
    return !this.isFaulty;
  }
}
