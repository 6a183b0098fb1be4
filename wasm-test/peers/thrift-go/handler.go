package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"metaproto.test/thriftpeer/gen/demo"
)

// handler implements Greeter for one label.
type handler struct {
	label  string
	record *record
}

// seen counts the call and, with THeader, puts the label into the headers of the reply.
func (h *handler) seen(ctx context.Context, method string) {
	h.record.seen(method)
	if helper, ok := thrift.GetResponseHelper(ctx); ok {
		helper.SetHeader("label", h.label)
	}
}

func (h *handler) text(ctx context.Context, method, format, value string) (string, error) {
	h.seen(ctx, method)
	return fmt.Sprintf(format, value) + " from " + h.label, nil
}

func (h *handler) Hello(ctx context.Context, name string) (string, error) {
	return h.text(ctx, "hello", "Hello %s", name)
}

func (h *handler) GetUser(ctx context.Context, id string) (string, error) {
	return h.text(ctx, "getUser", "User %s", id)
}

func (h *handler) GetOrder(ctx context.Context, id string) (string, error) {
	return h.text(ctx, "getOrder", "Order %s", id)
}

func (h *handler) PlaceOrder(ctx context.Context, item string) (string, error) {
	return h.text(ctx, "placeOrder", "Placed %s", item)
}

func (h *handler) Add(ctx context.Context, a int32, b int32) (int32, error) {
	h.seen(ctx, "add")
	return a + b, nil
}

func (h *handler) EchoItem(ctx context.Context, item *demo.Item) (*demo.Item, error) {
	h.seen(ctx, "echoItem")
	item.Tags = append(item.Tags, h.label)
	return item, nil
}

func (h *handler) Big(ctx context.Context, text string) (string, error) {
	h.seen(ctx, "big")
	return text, nil
}

func (h *handler) FailBiz(ctx context.Context, reason string) (string, error) {
	h.seen(ctx, "failBiz")
	return "", &demo.BizError{Code: 42, Why: reason + " from " + h.label}
}

func (h *handler) FailUndeclared(ctx context.Context, reason string) (string, error) {
	h.seen(ctx, "failUndeclared")
	return "", errors.New(reason + " from " + h.label)
}

func (h *handler) Nothing(ctx context.Context) error {
	h.seen(ctx, "nothing")
	return nil
}

func (h *handler) Fire(ctx context.Context, what string) error {
	h.seen(ctx, "fire")
	h.record.fire(what)
	return nil
}

func (h *handler) Slow(ctx context.Context, millis int32) (string, error) {
	time.Sleep(time.Duration(millis) * time.Millisecond)
	return h.text(ctx, "slow", "Slept %s", fmt.Sprint(millis))
}

func (h *handler) Headers(ctx context.Context) (map[string]string, error) {
	h.seen(ctx, "headers")
	headers := map[string]string{}
	for _, key := range thrift.GetReadHeaderList(ctx) {
		headers[key], _ = thrift.GetHeader(ctx, key)
	}
	return headers, nil
}
