package main

import (
	"context"
	"fmt"

	"trpc.group/trpc-go/trpc-go/client"
	"trpc.group/trpc-go/trpc-go/stream"
	pb "trpc.group/trpc-go/trpc-go/testdata/trpc/helloworld"
)

// opened is a stream of the client's.
type opened struct {
	stream client.ClientStream
	cancel context.CancelFunc
}

func (d *driver) open(wanted command) error {
	options := []client.Option{
		client.WithTarget(fmt.Sprintf("ip://127.0.0.1:%d", wanted.Port)),
		client.WithProtocol("trpc"),
		client.WithServiceName(serviceName),
	}
	for key, value := range wanted.Metadata {
		options = append(options, client.WithMetaData(key, []byte(value)))
	}
	description := &client.ClientStreamDesc{
		StreamName:    wanted.Method,
		ClientStreams: wanted.Method != "Scatter",
		ServerStreams: wanted.Method != "Gather",
	}
	ctx, cancel := context.WithCancel(context.Background())
	method := "/" + serviceName + "/" + wanted.Method
	created, err := stream.DefaultStreamClient.NewStream(ctx, description, method, options...)
	if err != nil {
		cancel()
		return err
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.streams[wanted.Stream] = &opened{stream: created, cancel: cancel}
	return nil
}

func (d *driver) stream(name string) (*opened, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	found, ok := d.streams[name]
	if !ok {
		return nil, fmt.Errorf("no stream %q", name)
	}
	return found, nil
}

func (o *opened) perform(next command) (any, error) {
	switch next.Op {
	case "send":
		return nil, o.stream.SendMsg(&pb.HelloRequest{Msg: next.Text})
	case "receive":
		return o.receive()
	case "done":
		return nil, o.stream.CloseSend()
	case "cancel":
		o.cancel()
		return nil, nil
	case "pump":
		return nil, o.pump(next.Count, next.Bytes)
	case "drain":
		return o.drain(), nil
	}
	return nil, fmt.Errorf("unknown op %q", next.Op)
}

func (o *opened) receive() (string, error) {
	reply := &pb.HelloReply{}
	err := o.stream.RecvMsg(reply)
	return reply.Msg, err
}

// pump sends and receives at the same time: more is under way than the windows have room for.
func (o *opened) pump(count, size int) error {
	sent := make(chan error, 1)
	go func() {
		for i := range count {
			if err := o.stream.SendMsg(&pb.HelloRequest{Msg: numbered(i, size)}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range count {
		text, err := o.receive()
		if err != nil {
			return err
		}
		var label string
		var number int
		if _, err := fmt.Sscanf(text, "%s %d", &label, &number); err != nil || number != i {
			return fmt.Errorf("answer %d begins with %.20q", i, text)
		}
	}
	return <-sent
}

func (o *opened) drain() object {
	for count, size := 0, 0; ; count++ {
		text, err := o.receive()
		if err != nil {
			return object{"count": count, "bytes": size, "end": failureKey(err)}
		}
		size += len(text)
	}
}
