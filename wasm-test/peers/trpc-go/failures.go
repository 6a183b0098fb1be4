package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"trpc.group/trpc-go/trpc-go/errs"
)

// kinds are the library's types of errors by their numbers.
var kinds = map[int]string{
	errs.ErrorTypeBusiness:        "business",
	errs.ErrorTypeFramework:       "framework",
	errs.ErrorTypeCalleeFramework: "callee framework",
}

// describeFailure tells what the client's own code would have caught; the class is the library's type
// of the error.
func describeFailure(err error) object {
	class, code, text := classify(err)
	chain := []object{}
	for cause := err; cause != nil && len(chain) < 16; cause = errors.Unwrap(cause) {
		name, number, told := classify(cause)
		chain = append(chain, object{"class": name, "message": told, "code": number})
	}
	return object{"class": class, "message": text, "code": code, "chain": chain}
}

func classify(err error) (string, any, string) {
	if err == io.EOF {
		return "EOF", nil, "EOF"
	}
	if typed, ok := err.(*errs.Error); ok {
		return kinds[typed.Type], int32(typed.Code), typed.Msg
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", err), "*"), nil, err.Error()
}

// failureKey is a short text under which equal failures are counted.
func failureKey(err error) string {
	class, code, text := classify(err)
	return fmt.Sprint(class, " ", code, ": ", text)
}
