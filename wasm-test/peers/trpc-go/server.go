package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	trpc "trpc.group/trpc-go/trpc-go"
	"trpc.group/trpc-go/trpc-go/errs"
	"trpc.group/trpc-go/trpc-go/server"
	"trpc.group/trpc-go/trpc-go/stream"
	pb "trpc.group/trpc-go/trpc-go/testdata/trpc/helloworld"
)

const serviceName = "trpc.test.helloworld.Greeter"

// serverOptions are the endpoints of one process. With streams the library works through the unary
// calls of a connection one by one.
type serverOptions struct {
	Endpoints []struct {
		Port    uint16 `json:"port"`
		Label   string `json:"label"`
		Streams bool   `json:"streams"`
	} `json:"endpoints"`
}

// greeter is one endpoint, and what it has seen.
type greeter struct {
	label string
	mutex sync.Mutex
	calls map[string]int
	fired []string
	// ended says of each stream how it ended for its handler.
	ended []string
	open  int
}

func (g *greeter) describe() object {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	ended, fired := append([]string{}, g.ended...), append([]string{}, g.fired...)
	return object{"calls": maps.Clone(g.calls), "fired": fired, "ended": ended, "open": g.open}
}

func serve(options serverOptions, lines *lines) error {
	config := &trpc.Config{}
	greeters := map[string]*greeter{}
	for _, endpoint := range options.Endpoints {
		config.Server.Service = append(config.Server.Service, &trpc.ServiceConfig{
			Name: endpoint.Label, IP: "127.0.0.1", Port: endpoint.Port, Network: "tcp", Protocol: "trpc",
		})
		greeters[endpoint.Label] = &greeter{label: endpoint.Label, calls: map[string]int{}}
	}
	running := trpc.NewServerWithConfig(config)
	for _, endpoint := range options.Endpoints {
		description := pb.GreeterServer_ServiceDesc
		if endpoint.Streams {
			description.StreamHandle = stream.NewStreamDispatcher()
			description.Streams = greeters[endpoint.Label].streams()
		}
		if err := running.Service(endpoint.Label).Register(&description, greeters[endpoint.Label]); err != nil {
			return err
		}
	}
	go func() {
		if err := running.Serve(); err != nil {
			log.Println(err)
			os.Exit(1)
		}
	}()
	for _, endpoint := range options.Endpoints {
		if err := awaitListener(endpoint.Port); err != nil {
			return err
		}
	}
	lines.write(object{"event": "ready"})
	return lines.read(func(next command) {
		statistics := object{}
		for label, found := range greeters {
			statistics[label] = found.describe()
		}
		lines.answer(next.ID, statistics, nil)
	})
}

func awaitListener(port uint16) error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return connection.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (g *greeter) seen(method string) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.calls[method]++
}

// SayHello does what the message says, and answers with what has arrived.
func (g *greeter) SayHello(ctx context.Context, wanted *pb.HelloRequest) (*pb.HelloReply, error) {
	g.seen("SayHello")
	order, argument, _ := strings.Cut(wanted.Msg, " ")
	switch order {
	case "business":
		return nil, errs.New(10001, argument)
	case "framework":
		return nil, errs.NewFrameError(errs.RetServerThrottled, argument)
	case "slow":
		time.Sleep(2 * time.Second)
	case "fire":
		g.mutex.Lock()
		g.fired = append(g.fired, argument)
		g.mutex.Unlock()
	}
	metadata := map[string]string{}
	message := trpc.Message(ctx)
	for key, value := range message.ServerMetaData() {
		metadata[key] = string(value)
	}
	trpc.SetMetaData(ctx, "answered-by", []byte(g.label))
	told, err := json.Marshal(object{
		"label": g.label, "text": wanted.Msg, "metadata": metadata, "timeoutMs": message.RequestTimeout().Milliseconds(),
	})
	return &pb.HelloReply{Msg: string(told)}, err
}

// SayHi is another method.
func (g *greeter) SayHi(_ context.Context, wanted *pb.HelloRequest) (*pb.HelloReply, error) {
	g.seen("SayHi")
	told, err := json.Marshal(object{"label": g.label, "text": wanted.Msg})
	return &pb.HelloReply{Msg: string(told)}, err
}

func (g *greeter) streams() []server.StreamDesc {
	method := func(name string, isServer, isClient bool, handle func(server.Stream) error) server.StreamDesc {
		handler := func(_ interface{}, opened server.Stream) error {
			g.seen(name)
			g.change(1, "")
			err := handle(opened)
			g.change(-1, name+": "+ending(err))
			return err
		}
		full := "/" + serviceName + "/" + name
		return server.StreamDesc{StreamName: full, Handler: handler, ServerStreams: isServer, ClientStreams: isClient}
	}
	return []server.StreamDesc{
		method("Echo", true, true, g.echo),
		method("Gather", false, true, gather),
		method("Scatter", true, false, scatter),
	}
}

func ending(err error) string {
	if err == nil {
		return "done"
	}
	return failureKey(err)
}

func (g *greeter) change(open int, ended string) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.open += open
	if ended != "" {
		g.ended = append(g.ended, ended)
	}
}

// echo answers each message with the label and itself until the client is done.
func (g *greeter) echo(opened server.Stream) error {
	for {
		next := &pb.HelloRequest{}
		if err := opened.RecvMsg(next); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		order, argument, _ := strings.Cut(next.Msg, " ")
		switch order {
		case "business":
			return errs.New(10002, argument)
		case "plain":
			return fmt.Errorf("%s", argument)
		case "metadata":
			key := trpc.GetMetaData(opened.Context(), argument)
			next.Msg = string(key)
		}
		if err := opened.SendMsg(&pb.HelloReply{Msg: g.label + ": " + next.Msg}); err != nil {
			return err
		}
	}
}

// gather answers once, with how many messages there were and how long they were together.
func gather(opened server.Stream) error {
	count, total := 0, 0
	for {
		next := &pb.HelloRequest{}
		err := opened.RecvMsg(next)
		if err == io.EOF {
			return opened.SendMsg(&pb.HelloReply{Msg: fmt.Sprintf("%d messages, %d bytes", count, total)})
		}
		if err != nil {
			return err
		}
		count++
		total += len(next.Msg)
	}
}

// scatter sends as many messages of a length as its one message says; it does not look for more.
func scatter(opened server.Stream) error {
	first := &pb.HelloRequest{}
	if err := opened.RecvMsg(first); err != nil {
		return err
	}
	var count, size int
	if _, err := fmt.Sscanf(first.Msg, "%d %d", &count, &size); err != nil {
		return errs.New(10003, err.Error())
	}
	for i := range count {
		if err := opened.SendMsg(&pb.HelloReply{Msg: numbered(i, size)}); err != nil {
			return err
		}
	}
	return nil
}

// numbered is a text of this size that begins with its number.
func numbered(number, size int) string {
	text := fmt.Sprintf("%d ", number)
	return text + strings.Repeat("x", max(0, size-len(text)))
}
