"""How messages are written: transport framed, buffered or header, protocol binary, binary-lax or compact."""

from thrift.protocol.TBinaryProtocol import TBinaryProtocolFactory
from thrift.protocol.TCompactProtocol import TCompactProtocolFactory
from thrift.protocol.THeaderProtocol import THeaderProtocol, THeaderProtocolFactory
from thrift.transport.THeaderTransport import THeaderClientType, THeaderSubprotocolID
from thrift.transport.TTransport import TBufferedTransportFactory, TFramedTransportFactory

HEADER_PROTOCOLS = {"binary": THeaderSubprotocolID.BINARY, "compact": THeaderSubprotocolID.COMPACT}

# Above the 8 MiB of the largest test, and above Thrift's own default of 16384000 bytes.
MAX_FRAME_BYTES = 0x3FFFFFF


def protocol_factory(wire):
    """The protocol of a wire that is not "header"."""
    return {
        "binary": lambda: TBinaryProtocolFactory(strictRead=True, strictWrite=True),
        "binary-lax": lambda: TBinaryProtocolFactory(strictRead=False, strictWrite=False),
        "compact": TCompactProtocolFactory,
    }[wire["protocol"]]()


def server_factories(wire):
    """A server with THeader takes every kind of client that the library can tell apart."""
    if wire["transport"] == "header":
        return TBufferedTransportFactory(), LargeHeaderProtocolFactory(
            allowed_client_types=(
                THeaderClientType.HEADERS,
                THeaderClientType.FRAMED_BINARY,
                THeaderClientType.UNFRAMED_BINARY,
                THeaderClientType.FRAMED_COMPACT,
                THeaderClientType.UNFRAMED_COMPACT,
            )
        )
    return transport_factory(wire), protocol_factory(wire)


def transport_factory(wire):
    return {"framed": TFramedTransportFactory, "buffered": TBufferedTransportFactory}[wire["transport"]]()


def client_protocol(wire, socket):
    """The protocol over a socket that is not open yet; its `trans` opens and closes it."""
    if wire["transport"] == "header":
        protocol = THeaderProtocol(socket, (THeaderClientType.HEADERS,), HEADER_PROTOCOLS[wire["protocol"]])
        protocol.trans.set_max_frame_size(MAX_FRAME_BYTES)
        return protocol
    return protocol_factory(wire).getProtocol(transport_factory(wire).getTransport(socket))


class LargeHeaderProtocolFactory(THeaderProtocolFactory):
    def getProtocol(self, trans):
        protocol = super().getProtocol(trans)
        protocol.trans.set_max_frame_size(MAX_FRAME_BYTES)
        return protocol
