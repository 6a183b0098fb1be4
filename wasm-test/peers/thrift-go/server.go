package main

import (
	"context"
	"fmt"
	"log"
	"maps"
	"os"
	"sync"

	"github.com/apache/thrift/lib/go/thrift"
	"metaproto.test/thriftpeer/gen/demo"
)

// serverOptions are the endpoints of one process, each a server of its own.
type serverOptions struct {
	Endpoints []struct {
		wire
		Port  int    `json:"port"`
		Label string `json:"label"`
	} `json:"endpoints"`
}

// record is what a server has seen, for the op "statistics".
type record struct {
	mutex sync.Mutex
	calls map[string]int64
	fired []string
}

func (r *record) seen(method string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.calls[method]++
}

func (r *record) fire(what string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.fired = append(r.fired, what)
}

func (r *record) describe() object {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return object{"calls": maps.Clone(r.calls), "fired": append([]string{}, r.fired...)}
}

func serve(options serverOptions, lines *lines) error {
	records := map[string]*record{}
	for _, endpoint := range options.Endpoints {
		transport, protocol, _, err := endpoint.factories(0)
		if err != nil {
			return err
		}
		socket, err := thrift.NewTServerSocket(fmt.Sprintf("127.0.0.1:%d", endpoint.Port))
		if err != nil {
			return err
		}
		kept := &record{calls: map[string]int64{}, fired: []string{}}
		records[endpoint.Label] = kept
		server := thrift.NewTSimpleServer4(processor(endpoint.Label, kept), socket, transport, protocol)
		// A client that closes is no news; without this every one of them is logged.
		server.SetLogger(func(string) {})
		// Serve() would set it; without it the first connection that is reset ends the process.
		server.SetLogContext(context.Background())
		if err := server.Listen(); err != nil {
			return err
		}
		go func() {
			if err := server.AcceptLoop(); err != nil {
				log.Println(err)
				os.Exit(1)
			}
		}()
	}
	lines.write(object{"event": "ready"})
	return lines.read(func(next command) {
		if next.Op != "statistics" {
			lines.answer(next.ID, nil, fmt.Errorf("unknown op %q", next.Op))
			return
		}
		statistics := object{}
		for label, kept := range records {
			statistics[label] = kept.describe()
		}
		lines.answer(next.ID, statistics, nil)
	})
}

// processor serves Greeter without a service name, and by the names "Greeter" and "Second" for
// clients that multiplex; the label of "Second" says so.
func processor(label string, kept *record) thrift.TProcessor {
	multiplexed := thrift.NewTMultiplexedProcessor()
	first := demo.NewGreeterProcessor(&handler{label: label, record: kept})
	multiplexed.RegisterDefault(first)
	multiplexed.RegisterProcessor("Greeter", first)
	second := demo.NewGreeterProcessor(&handler{label: label + "/Second", record: kept})
	multiplexed.RegisterProcessor("Second", second)
	return multiplexed
}
