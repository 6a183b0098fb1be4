// Client and server of the tests and the demo on the official Apache Thrift for Go.
//
//	thriftpeer server '{"endpoints":[{"port":9001,"label":"v1","transport":"framed","protocol":"binary"}]}'
//	thriftpeer client
//
// Both are driven by JSON lines, see lines.go, print {"event":"ready"} and end with standard input.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("usage: thriftpeer server OPTIONS | client")
	}
	lines := newLines(os.Stdin, os.Stdout)
	switch arguments[0] {
	case "server":
		var options serverOptions
		if len(arguments) < 2 {
			return fmt.Errorf("server needs its options")
		}
		if err := json.Unmarshal([]byte(arguments[1]), &options); err != nil {
			return err
		}
		return serve(options, lines)
	case "client":
		return newDriver(lines).run()
	}
	return fmt.Errorf("unknown role %q", arguments[0])
}
