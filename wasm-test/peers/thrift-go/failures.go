package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/apache/thrift/lib/go/thrift"
	"metaproto.test/thriftpeer/gen/demo"
)

const maxFailureKey = 160

var varying = regexp.MustCompile(`\d[\d.:,-]{2,}`)

// describeFailure tells what the client's own code would have caught: the class as Thrift names it,
// its type or code, and the text.
func describeFailure(err error) object {
	class, code := classify(err)
	chain := []object{}
	for cause := err; cause != nil && len(chain) < 16; cause = errors.Unwrap(cause) {
		name, number := classify(cause)
		chain = append(chain, object{"class": name, "message": cause.Error(), "code": number})
	}
	return object{"class": class, "message": message(err), "code": code, "chain": chain}
}

func classify(err error) (string, any) {
	switch typed := err.(type) {
	case *demo.BizError:
		return "BizError", typed.Code
	case thrift.TApplicationException:
		return "TApplicationException", typed.TypeId()
	case thrift.TTransportException:
		return "TTransportException", typed.TypeId()
	case thrift.TProtocolException:
		return "TProtocolException", typed.TypeId()
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", err), "*"), nil
}

func message(err error) string {
	var declared *demo.BizError
	if errors.As(err, &declared) {
		return declared.Why
	}
	return err.Error()
}

// failureKey is a short text under which equal failures are counted.
func failureKey(err error) string {
	class, code := classify(err)
	text := fmt.Sprint(class, " ", code, ": ", message(err))
	text, _, _ = strings.Cut(text, "\n")
	text = varying.ReplaceAllString(text, "#")
	return text[:min(len(text), maxFailureKey)]
}
