package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	_ "trpc.group/trpc-go/trpc-go"
	"trpc.group/trpc-go/trpc-go/client"
	pb "trpc.group/trpc-go/trpc-go/testdata/trpc/helloworld"
	trpcpb "trpc.group/trpc/trpc-protocol/pb/go/trpc"
)

const defaultTimeout = 5 * time.Second

// target is the part of a command that decides about the connections.
type target struct {
	Port int `json:"port"`
	// Multiplexed: calls share two connections, instead of having one each while they last.
	Multiplexed bool `json:"multiplexed"`
	TimeoutMs   int  `json:"timeoutMs"`
}

// request is one call; the method is SayHello or SayHi, or of a stream Echo, Gather, Scatter.
type request struct {
	Method   string            `json:"method"`
	Message  string            `json:"message"`
	Metadata map[string]string `json:"metadata"`
	Oneway   bool              `json:"oneway"`
}

// driver performs the commands of a client:
//
//	call                 target and one request
//	burst                target, requests in turn, until there were count or durationMs is over
//	open                 target and request: a stream that the test calls `stream`
//	send, receive, done  one message, its text; or no more of them
//	cancel               ends the context of the stream
//	pump                 count messages of so many bytes, and meanwhile as many answers, in order
//	drain                messages until there are no more: how many, and what ended them
type driver struct {
	lines   *lines
	mutex   sync.Mutex
	streams map[string]*opened
}

func newDriver(lines *lines) *driver {
	return &driver{lines: lines, streams: map[string]*opened{}}
}

func (d *driver) run() error {
	d.lines.write(object{"event": "ready"})
	return d.lines.read(func(next command) {
		go func() {
			value, err := d.perform(next)
			d.lines.answer(next.ID, value, err)
		}()
	})
}

func (d *driver) perform(next command) (any, error) {
	switch next.Op {
	case "call":
		return next.target.call(next.request)
	case "burst":
		return burst(next), nil
	case "open":
		return nil, d.open(next)
	}
	found, err := d.stream(next.Stream)
	if err != nil {
		return nil, err
	}
	return found.perform(next)
}

func (t target) options() []client.Option {
	timeout := defaultTimeout
	if t.TimeoutMs > 0 {
		timeout = time.Duration(t.TimeoutMs) * time.Millisecond
	}
	address := fmt.Sprintf("ip://127.0.0.1:%d", t.Port)
	options := []client.Option{client.WithTarget(address), client.WithTimeout(timeout)}
	if t.Multiplexed {
		options = append(options, client.WithMultiplexed(true))
	}
	return options
}

func (t target) call(wanted request) (object, error) {
	head := &trpcpb.ResponseProtocol{}
	options := append(t.options(), client.WithRspHead(head))
	for key, value := range wanted.Metadata {
		options = append(options, client.WithMetaData(key, []byte(value)))
	}
	if wanted.Oneway {
		options = append(options, client.WithSendOnly())
	}
	proxy := pb.NewGreeterClientProxy(options...)
	method := proxy.SayHello
	if wanted.Method == "SayHi" {
		method = proxy.SayHi
	}
	start := time.Now()
	reply, err := method(context.Background(), &pb.HelloRequest{Msg: wanted.Message})
	if err != nil {
		return nil, err
	}
	told := object{"label": "none"}
	if !wanted.Oneway {
		if err := json.Unmarshal([]byte(reply.Msg), &told); err != nil {
			return nil, err
		}
	}
	attachments := map[string]string{}
	for key, value := range head.TransInfo {
		attachments[key] = string(value)
	}
	elapsed := float64(time.Since(start).Nanoseconds()) / 1e6
	return object{"value": told, "label": told["label"], "attachments": attachments, "elapsedMs": elapsed}, nil
}

// burst sends requests in turn, from so many goroutines.
func burst(wanted command) object {
	var mutex sync.Mutex
	var workers sync.WaitGroup
	sent, succeeded, failed := 0, 0, 0
	labels, failures := map[string]int{}, map[string]int{}
	end := time.Now().Add(time.Duration(wanted.DurationMs) * time.Millisecond)
	next := func() (request, bool) {
		mutex.Lock()
		defer mutex.Unlock()
		isOver := wanted.Count > 0 && sent >= wanted.Count || wanted.Count == 0 && time.Now().After(end)
		chosen := wanted.Requests[sent%len(wanted.Requests)]
		sent++
		return chosen, !isOver
	}
	for range max(1, wanted.Concurrency) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for chosen, isOne := next(); isOne; chosen, isOne = next() {
				result, err := wanted.target.call(chosen)
				mutex.Lock()
				if err != nil {
					failed++
					failures[failureKey(err)]++
				} else {
					succeeded++
					labels[result["label"].(string)]++
				}
				mutex.Unlock()
			}
		}()
	}
	workers.Wait()
	return object{"succeeded": succeeded, "failed": failed, "labels": labels, "errors": failures}
}
