// Filter metaproto.filters.peer_metadata: tells the proxy at the other end of a request which workload this one
// stands for, and reads and removes what that one says. What was read is `call.peer` for other filters, when the
// request is over.
//
// Host calls per request: none; at the service's side the client's principal, once for a connection.
// Allocates: a record of the memory budget when a peer is met.
import { Slice } from "../../codec/message";
import { MutationOperation } from "../../codec/mutation";
import { AttributeName } from "../../filter/attribute-name";
import { Call } from "../../filter/call";
import { Filter, FilterConfig, FilterStatus } from "../../filter/filter";
import { FilterSetup } from "../../filter/filter-setup";
import { WorkloadField, workloadText } from "../../filter/peer-workload";
import { principalNamespace } from "../../filter/principal-namespace";
import { equalBytes } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import { decodePeerMetadata, PeerMetadataConfig } from "./config";
import { KnownPeer, PeerCache } from "./peer-cache";

const METADATA = new StaticText("x-envoy-peer-metadata");
const METADATA_ID = new StaticText("x-envoy-peer-metadata-id");

/** At `call.slot`: the address of a KnownPeer or 0, and whether the request said anything. */
const IS_ASKED: usize = 4;

export class PeerMetadataFilter extends Filter {
  private readonly peers: PeerCache = new PeerCache();
  private readonly key: Slice = new Slice();
  private readonly idKey: Slice = new Slice();
  private readonly value: Slice = new Slice();
  private readonly own: Slice = new Slice();
  private readonly nothing: Slice = new Slice();

  constructor() {
    super("metaproto.filters.peer_metadata");
    this.key.ptr = METADATA.ptr;
    this.key.len = METADATA.len;
    this.idKey.ptr = METADATA_ID.ptr;
    this.idKey.len = METADATA_ID.len;
  }

  override configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null {
    const codec = setup.codec;
    const metadata = new AttributeName(METADATA.ptr, METADATA.len, codec);
    const id = new AttributeName(METADATA_ID.ptr, METADATA_ID.len, codec);
    return decodePeerMetadata(ptr, len, setup, new PeerMetadataConfig(metadata, id));
  }

  override onRequest(call: Call, config: FilterConfig): FilterStatus {
    const settings = changetype<PeerMetadataConfig>(config);
    if (settings.isInbound) {
      const isAsked = this.take(call, settings);
      store<u32>(call.slot + IS_ASKED, <u32>isAsked);
    } else if (settings.isPropagated) {
      this.tell(call, settings);
    }
    return FilterStatus.Continue;
  }

  override onResponse(call: Call, config: FilterConfig): void {
    const settings = changetype<PeerMetadataConfig>(config);
    if (!settings.isInbound) this.take(call, settings);
    else if (settings.isPropagated && load<u32>(call.slot + IS_ASKED) != 0)
      this.tell(call, settings);
  }

  override onEnd(call: Call, config: FilterConfig): void {
    const at = load<usize>(call.slot);
    if (at == 0) return;
    // It stays at least until another peer is met, which is not within this call.
    const peer = changetype<KnownPeer>(at);
    peer.references--;
    store<usize>(call.slot, 0);
    call.peer = changetype<usize>(peer.workload);
  }

  private tell(call: Call, settings: PeerMetadataConfig): void {
    if (settings.own.len == 0) return;
    call.mutate(MutationOperation.Set, this.idKey, settings.ownId);
    call.mutate(MutationOperation.Set, this.key, settings.own);
  }

  /** Reads what the message at hand says and takes it out. False: it says nothing. */
  private take(call: Call, settings: PeerMetadataConfig): bool {
    const value = this.value;
    const hasMetadata = settings.metadata.find(call, value);
    if (hasMetadata) {
      const peer = this.peers.find(value.ptr, value.len);
      if (peer !== null && this.isTrue(call, settings, peer)) keep(call, peer);
      call.mutate(MutationOperation.Remove, this.key, this.nothing);
    }
    const hasId = settings.id.find(call, value);
    if (hasId) call.mutate(MutationOperation.Remove, this.idKey, this.nothing);
    return hasMetadata || hasId;
  }

  /** Whoever has a certificate of one namespace does not speak for another. */
  private isTrue(call: Call, settings: PeerMetadataConfig, peer: KnownPeer): bool {
    if (!settings.isInbound || !call.sourcePrincipal(this.value)) return true;
    if (!principalNamespace(this.value)) return true;
    peer.workload.names(this.own);
    if (!workloadText(this.own, WorkloadField.Namespace, this.own)) return true;
    return this.own.len == this.value.len && equalBytes(this.own.ptr, this.value.ptr, this.own.len);
  }
}

function keep(call: Call, peer: KnownPeer): void {
  const former = load<usize>(call.slot);
  if (former != 0) changetype<KnownPeer>(former).references--;
  peer.references++;
  store<usize>(call.slot, changetype<usize>(peer));
}
