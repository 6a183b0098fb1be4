// What is known of a client's connection, asked of the host when it is first wanted.
// Allocates: once for each fact of a connection that is asked for.
import { Slice } from "../../codec/message";
import { Status } from "../../proxy-wasm-as/abi/enums";
import { getProperty, PropertyPath } from "../../proxy-wasm-as/host/properties";
import { setEffectiveContext } from "../../proxy-wasm-as/host/stream";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";

const sourceAddress = new PropertyPath(["source", "address"]);
const destinationAddress = new PropertyPath(["destination", "address"]);
const uriSan = new PropertyPath(["connection", "uri_san_peer_certificate"]);
/** Where Istio ends a client's tunnel (HBONE), the connection in it has no certificate: Istio says whose the tunnel is. */
const tunnelPrincipal = new PropertyPath(["filter_state", "io.istio.peer_principal"]);

/** A property of a connection that does not change. */
class Fact {
  private ptr: usize = 0;
  private len: u32 = 0;
  private isKnown: bool = false;

  read(path: PropertyPath, contextId: u32, out: Slice): bool {
    if (!this.isKnown) this.ask(path, contextId);
    out.ptr = this.ptr;
    out.len = this.len;
    return this.len > 0;
  }

  private ask(path: PropertyPath, contextId: u32): void {
    this.isKnown = true;
    // Of a connection that is gone: the host would tell of whichever is at hand.
    if (setEffectiveContext(contextId) != Status.Ok) return;
    if (getProperty(path) != Status.Ok || bytesLen == 0) return;
    this.len = bytesLen;
    this.ptr = heap.alloc(bytesLen);
    memory.copy(this.ptr, bytesPtr, bytesLen);
  }

  forget(): void {
    if (this.ptr != 0) heap.free(this.ptr);
    this.ptr = 0;
    this.len = 0;
    this.isKnown = false;
  }
}

export class Peer {
  private contextId: u32 = 0;
  private readonly ofSource: Fact = new Fact();
  private readonly ofDestination: Fact = new Fact();
  private readonly ofPrincipal: Fact = new Fact();
  private readonly ofTunnelPrincipal: Fact = new Fact();

  /** It is the peer of another connection now. */
  forget(contextId: u32): void {
    this.contextId = contextId;
    this.ofSource.forget();
    this.ofDestination.forget();
    this.ofPrincipal.forget();
    this.ofTunnelPrincipal.forget();
  }

  /** `ip:port`. */
  address(out: Slice): bool {
    return this.ofSource.read(sourceAddress, this.contextId, out);
  }

  localAddress(out: Slice): bool {
    return this.ofDestination.read(destinationAddress, this.contextId, out);
  }

  /** The first URI among the subject alternative names of its certificate, or of that of the tunnel that it is in. */
  principal(out: Slice): bool {
    return (
      this.ofPrincipal.read(uriSan, this.contextId, out) ||
      this.ofTunnelPrincipal.read(tunnelPrincipal, this.contextId, out)
    );
  }
}
