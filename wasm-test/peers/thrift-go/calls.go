package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/thrift/lib/go/thrift"
	"metaproto.test/thriftpeer/gen/demo"
)

const labelMark = " from "

// request is one call: method, args, and with THeader the key-values to send.
type request struct {
	Name    string            `json:"name"`
	Method  string            `json:"method"`
	Args    []json.RawMessage `json:"args"`
	Headers map[string]string `json:"headers"`
}

// caller is a prepared request: everything that does not change from call to call is done once.
type caller struct {
	name   string
	pool   *pool
	ctx    context.Context
	first  any
	invoke func(context.Context, *demo.GreeterClient) (any, error)
}

// outcome is what a call returned, and the THeader key-values that came with it.
type outcome struct {
	value   any
	label   string
	headers map[string]string
}

func newCaller(pool *pool, wanted request) (*caller, error) {
	first, invoke, err := invocation(wanted)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	for key, value := range wanted.Headers {
		ctx = thrift.SetHeader(ctx, key, value)
	}
	ctx = thrift.SetWriteHeaderList(ctx, slices.Sorted(maps.Keys(wanted.Headers)))
	name := wanted.Name
	if name == "" {
		name = wanted.Method
	}
	return &caller{name: name, pool: pool, ctx: ctx, first: first, invoke: invoke}, nil
}

// call takes a free connection. A connection whose stream may be out of step is closed, as every
// pooling client does; an exception that the server sent leaves it open.
func (c *caller) call() (outcome, error) {
	used := <-c.pool.free
	defer func() { c.pool.free <- used }()
	if err := used.open(); err != nil {
		return outcome{}, err
	}
	value, err := c.invoke(c.ctx, used.client)
	if err != nil {
		if !isFromServer(err) {
			used.close()
		}
		return outcome{}, err
	}
	headers := map[string]string(used.client.LastResponseMeta_().Headers)
	return outcome{value: value, label: label(value, headers), headers: headers}, nil
}

func isFromServer(err error) bool {
	var declared *demo.BizError
	if errors.As(err, &declared) {
		return true
	}
	var application thrift.TApplicationException
	return errors.As(err, &application) && application.TypeId() != thrift.BAD_SEQUENCE_ID
}

func label(value any, headers map[string]string) string {
	if found, ok := headers["label"]; ok {
		return found
	}
	if text, ok := value.(string); ok {
		if at := strings.LastIndex(text, labelMark); at >= 0 {
			return text[at+len(labelMark):]
		}
	}
	return "none"
}

func (o outcome) describe(first any) object {
	headers := o.headers
	if headers == nil {
		headers = map[string]string{}
	}
	return object{"value": describeValue(o.value, first), "label": o.label, "attachments": headers}
}

type invoker func(context.Context, *demo.GreeterClient) (any, error)

// textMethods take a text and answer a text.
var textMethods = map[string]func(*demo.GreeterClient, context.Context, string) (string, error){
	"hello":          (*demo.GreeterClient).Hello,
	"getUser":        (*demo.GreeterClient).GetUser,
	"getOrder":       (*demo.GreeterClient).GetOrder,
	"placeOrder":     (*demo.GreeterClient).PlaceOrder,
	"big":            (*demo.GreeterClient).Big,
	"failBiz":        (*demo.GreeterClient).FailBiz,
	"failUndeclared": (*demo.GreeterClient).FailUndeclared,
}

func invocation(wanted request) (any, invoker, error) {
	if method, ok := textMethods[wanted.Method]; ok {
		text, err := textArgument(wanted.Args, 0)
		return text, func(ctx context.Context, client *demo.GreeterClient) (any, error) {
			return method(client, ctx, text)
		}, err
	}
	switch wanted.Method {
	case "add":
		a, errA := numberArgument(wanted.Args, 0)
		b, errB := numberArgument(wanted.Args, 1)
		return nil, func(ctx context.Context, client *demo.GreeterClient) (any, error) {
			return client.Add(ctx, a, b)
		}, errors.Join(errA, errB)
	case "slow":
		millis, err := numberArgument(wanted.Args, 0)
		return nil, func(ctx context.Context, client *demo.GreeterClient) (any, error) {
			return client.Slow(ctx, millis)
		}, err
	case "fire":
		what, err := textArgument(wanted.Args, 0)
		return nil, func(ctx context.Context, client *demo.GreeterClient) (any, error) {
			return nil, client.Fire(ctx, what)
		}, err
	case "echoItem":
		return nil, func(ctx context.Context, client *demo.GreeterClient) (any, error) {
			return client.EchoItem(ctx, sampleItem())
		}, nil
	case "nothing":
		return nil, func(ctx context.Context, client *demo.GreeterClient) (any, error) {
			return nil, client.Nothing(ctx)
		}, nil
	case "headers":
		return nil, func(ctx context.Context, client *demo.GreeterClient) (any, error) {
			return client.Headers(ctx)
		}, nil
	case "noSuchMethod":
		return nil, func(ctx context.Context, client *demo.GreeterClient) (any, error) {
			arguments := &demo.GreeterHelloArgs{Name: "x"}
			_, err := client.Client_().Call(ctx, "noSuchMethod", arguments, &demo.GreeterHelloResult{})
			return nil, err
		}, nil
	}
	return nil, nil, fmt.Errorf("unknown method %q", wanted.Method)
}
