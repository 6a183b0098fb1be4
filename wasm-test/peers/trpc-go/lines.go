package main

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
)

// object is one JSON object of the control channel.
type object = map[string]any

// command is what the test asks for; which fields matter depends on Op.
type command struct {
	ID int64  `json:"id"`
	Op string `json:"op"`
	target
	request
	Requests    []request `json:"requests"`
	Count       int       `json:"count"`
	Concurrency int       `json:"concurrency"`
	DurationMs  int       `json:"durationMs"`
	// Stream is the test's name for a stream.
	Stream string `json:"stream"`
	Text   string `json:"text"`
	Bytes  int    `json:"bytes"`
}

// lines is the control channel: one JSON object per line, commands in, results out.
type lines struct {
	in    *bufio.Reader
	mutex sync.Mutex
	out   *json.Encoder
}

func newLines(in io.Reader, out io.Writer) *lines {
	return &lines{in: bufio.NewReader(in), out: json.NewEncoder(out)}
}

func (l *lines) write(message object) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	// A reader that is gone ends the process through the other direction.
	_ = l.out.Encode(message)
}

// read hands over each command until standard input ends, that is until the test is gone.
func (l *lines) read(handle func(command)) error {
	for {
		line, err := l.in.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var next command
		if err := json.Unmarshal(line, &next); err != nil {
			return err
		}
		handle(next)
	}
}

func (l *lines) answer(id int64, value any, err error) {
	if err != nil {
		l.write(object{"id": id, "ok": false, "error": describeFailure(err)})
		return
	}
	l.write(object{"id": id, "ok": true, "value": value})
}
