package main

import (
	"fmt"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
)

// Above the 8 MiB of the largest test, and above Thrift's own default of 16384000 bytes for a frame.
const maxMessageBytes = 128 << 20

// wire says how messages are written: transport framed, buffered or header, protocol binary,
// binary-lax or compact.
type wire struct {
	Transport string `json:"transport"`
	Protocol  string `json:"protocol"`
}

func (w wire) factories(timeout time.Duration) (thrift.TTransportFactory, thrift.TProtocolFactory, *thrift.TConfiguration, error) {
	config := &thrift.TConfiguration{
		MaxMessageSize: maxMessageBytes,
		MaxFrameSize:   maxMessageBytes,
		ConnectTimeout: timeout,
		SocketTimeout:  timeout,
	}
	var protocol thrift.TProtocolFactory
	switch w.Protocol {
	case "binary":
		protocol = thrift.NewTBinaryProtocolFactoryConf(config)
	case "binary-lax":
		config.TBinaryStrictRead = thrift.BoolPtr(false)
		config.TBinaryStrictWrite = thrift.BoolPtr(false)
		protocol = thrift.NewTBinaryProtocolFactoryConf(config)
	case "compact":
		protocol = thrift.NewTCompactProtocolFactoryConf(config)
	default:
		return nil, nil, nil, fmt.Errorf("unknown protocol %q", w.Protocol)
	}
	plain := thrift.NewTTransportFactory()
	switch w.Transport {
	case "framed":
		return thrift.NewTFramedTransportFactoryConf(plain, config), protocol, config, nil
	case "buffered":
		return thrift.NewTBufferedTransportFactory(8192), protocol, config, nil
	case "header":
		if w.Protocol == "compact" {
			config.THeaderProtocolID = thrift.THeaderProtocolIDPtrMust(thrift.THeaderProtocolCompact)
		}
		return thrift.NewTHeaderTransportFactoryConf(plain, config), thrift.NewTHeaderProtocolFactoryConf(config), config, nil
	}
	return nil, nil, nil, fmt.Errorf("unknown transport %q", w.Transport)
}
