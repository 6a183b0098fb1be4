package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"metaproto.test/thriftpeer/gen/demo"
)

const defaultTimeout = 5 * time.Second

// target is the part of a command that decides about the connections.
type target struct {
	wire
	Port int `json:"port"`
	// Reference is any name, to have connections of one's own.
	Reference   string `json:"reference"`
	Connections int    `json:"connections"`
	TimeoutMs   int    `json:"timeoutMs"`
	// Service is the name for multiplexing; empty for none.
	Service string `json:"service"`
}

// connection is one client; like every Thrift client it has one call at a time.
type connection struct {
	target    target
	transport thrift.TTransport
	client    *demo.GreeterClient
}

// open connects unless it is connected.
func (c *connection) open() error {
	if c.client != nil {
		return nil
	}
	timeout := defaultTimeout
	if c.target.TimeoutMs > 0 {
		timeout = time.Duration(c.target.TimeoutMs) * time.Millisecond
	}
	transports, protocols, config, err := c.target.factories(timeout)
	if err != nil {
		return err
	}
	socket := thrift.NewTSocketConf(fmt.Sprintf("127.0.0.1:%d", c.target.Port), config)
	transport, err := transports.GetTransport(socket)
	if err != nil {
		return err
	}
	if err := transport.Open(); err != nil {
		return err
	}
	input, output := protocols.GetProtocol(transport), protocols.GetProtocol(transport)
	if c.target.Transport == "header" {
		// Both directions share the state of the header transport.
		output = input
	}
	if c.target.Service != "" {
		output = thrift.NewTMultiplexedProtocol(output, c.target.Service)
	}
	c.transport = transport
	c.client = demo.NewGreeterClient(thrift.NewTStandardClient(input, output))
	return nil
}

// close drops the connection; the next call opens a new one.
func (c *connection) close() {
	if c.client != nil {
		_ = c.transport.Close()
		c.client = nil
	}
}

// pool holds the connections of one target; a call takes a free one and gives it back.
type pool struct {
	port int
	free chan *connection
	all  []*connection
}

// pools holds one pool per distinct target.
type pools struct {
	mutex sync.Mutex
	byKey map[string]*pool
}

func (p *pools) get(wanted target) (*pool, error) {
	wanted.Connections = max(1, wanted.Connections)
	key, err := json.Marshal(wanted)
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if existing, ok := p.byKey[string(key)]; ok {
		return existing, nil
	}
	created := &pool{port: wanted.Port, free: make(chan *connection, wanted.Connections)}
	for range wanted.Connections {
		next := &connection{target: wanted}
		created.all = append(created.all, next)
		created.free <- next
	}
	p.byKey[string(key)] = created
	return created, nil
}

// close closes every connection to a port, after the calls under way.
func (p *pools) close(port int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for key, existing := range p.byKey {
		if existing.port != port {
			continue
		}
		delete(p.byKey, key)
		for range existing.all {
			(<-existing.free).close()
		}
	}
}
