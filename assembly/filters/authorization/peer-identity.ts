// Who sends a request: the SPIFFE identity of the client's certificate, and its address.
// Source: SPIFFE-ID section 2, `spiffe://<trust domain>/<path>`; Istio's path is `ns/<namespace>/sa/<account>`.
// Allocates: at construction.
import { Slice } from "../../codec/message";
import { Call } from "../../filter/call";
import { principalNamespace } from "../../filter/principal-namespace";
import { equalBytes } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import { ADDRESS_BYTES, parseEndpoint } from "./ip-address";

const SCHEME = new StaticText("spiffe://");

/** Reused; `read` fills it in for one request. */
export class PeerIdentity {
  /** Something is known of the client; else it is gone, or the host does not tell. */
  isKnown: bool = false;
  /** Without `spiffe://`; empty: there is none. */
  readonly principal: Slice = new Slice();
  /** Empty: the principal has none. */
  readonly namespace: Slice = new Slice();
  hasAddress: bool = false;
  readonly address: usize = heap.alloc(ADDRESS_BYTES);
  /** `ip:port`, or whatever the host calls the client; empty: nothing. */
  readonly endpoint: Slice = new Slice();

  read(call: Call): void {
    const endpoint = this.endpoint;
    const isAddressKnown = call.sourceAddress(endpoint);
    if (!isAddressKnown) endpoint.len = 0;
    this.hasAddress = isAddressKnown && parseEndpoint(endpoint.ptr, endpoint.len, this.address);
    const principal = this.principal;
    const hasUri = call.sourcePrincipal(principal);
    this.isKnown = isAddressKnown || hasUri;
    this.namespace.len = 0;
    const isSpiffe =
      principal.len > SCHEME.len && equalBytes(principal.ptr, SCHEME.ptr, SCHEME.len);
    if (!hasUri || !isSpiffe) {
      principal.len = 0;
      return;
    }
    principal.ptr += SCHEME.len;
    principal.len -= SCHEME.len;
    const namespace = this.namespace;
    namespace.ptr = principal.ptr;
    namespace.len = principal.len;
    if (!principalNamespace(namespace)) namespace.len = 0;
  }
}
