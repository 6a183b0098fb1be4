// redirect sends the TCP connections of the network namespace that it runs in through a sidecar, by the rules that
// Istio's own init container sets for a pod (REDIRECT mode), over netlink: neither iptables nor nft is needed.
//
//	redirect --group 1337
//
// What processes of that group send is left alone: the sidecar's own connections.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"os"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Istio's ports, see istio.io/docs/ops/deployment/application-requirements.
const (
	outboundPort = 15001
	inboundPort  = 15006
)

// What reaches the sidecar itself: tunnels, probes, metrics.
var ownPorts = []uint16{15008, 15020, 15021, 15090}

var (
	localhost = net.IPv4(127, 0, 0, 1)
	// From here the sidecar connects to its application.
	inboundSource = net.IPv4(127, 0, 0, 6)
)

func main() {
	group := flag.Uint("group", 1337, "of the sidecar's processes")
	flag.Parse()
	if err := redirect(uint32(*group)); err != nil {
		fmt.Fprintln(os.Stderr, "redirect:", err)
		os.Exit(1)
	}
}

func redirect(group uint32) error {
	connection, err := nftables.New()
	if err != nil {
		return err
	}
	table := connection.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "istio-proxy-nat"})
	rules := func(name string, hook *nftables.ChainHook, of ...[]expr.Any) {
		chain := connection.AddChain(&nftables.Chain{
			Name:     name,
			Table:    table,
			Type:     nftables.ChainTypeNAT,
			Hooknum:  hook,
			Priority: nftables.ChainPriorityNATDest,
		})
		for _, expressions := range of {
			connection.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(isTCP(), expressions...)})
		}
	}
	inbound := [][]expr.Any{}
	for _, port := range ownPorts {
		inbound = append(inbound, join(toPort(port), leave()))
	}
	rules("prerouting", nftables.ChainHookPrerouting, append(inbound, redirectTo(inboundPort))...)
	rules("output", nftables.ChainHookOutput,
		join(through("lo"), address(sourceOffset, inboundSource), leave()),
		join(ofGroup(group), leave()),
		join(address(destinationOffset, localhost), leave()),
		join(through("lo"), leave()),
		redirectTo(outboundPort),
	)
	return connection.Flush()
}

// Bytes from the beginning of an IPv4 header (RFC 791 section 3.1).
const (
	sourceOffset      = 12
	destinationOffset = 16
)

func join(parts ...[]expr.Any) []expr.Any {
	all := []expr.Any{}
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func equals(data []byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data}
}

func isTCP() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		equals([]byte{unix.IPPROTO_TCP}),
	}
}

func through(device string) []expr.Any {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, device)
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, equals(name)}
}

func ofGroup(group uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeySKGID, Register: 1},
		equals(binary.NativeEndian.AppendUint32(nil, group)),
	}
}

func address(offset uint32, ip net.IP) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: net.IPv4len},
		equals(ip.To4()),
	}
}

func toPort(port uint16) []expr.Any {
	return []expr.Any{
		// Bytes 2 and 3 of a TCP header (RFC 9293 section 3.1).
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		equals(binaryutil.BigEndian.PutUint16(port)),
	}
}

func leave() []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
}

func redirectTo(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: 1},
	}
}
