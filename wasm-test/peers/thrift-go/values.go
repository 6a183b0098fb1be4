package main

import (
	"encoding/json"
	"fmt"

	"metaproto.test/thriftpeer/gen/demo"
)

// largeText is the length from which a text travels on the control channel by description only.
const largeText = 4096

// textArgument reads a text, or {"$string": N}: N characters with a pattern that varies with the
// position, so that a displaced or repeated part cannot go unnoticed.
func textArgument(values []json.RawMessage, index int) (string, error) {
	if index >= len(values) {
		return "", nil
	}
	var text string
	if json.Unmarshal(values[index], &text) == nil {
		return text, nil
	}
	var described struct {
		Length *int `json:"$string"`
	}
	if err := json.Unmarshal(values[index], &described); err != nil || described.Length == nil {
		return "", fmt.Errorf("argument %d is no text: %s", index, values[index])
	}
	pattern := make([]byte, *described.Length)
	for i := range pattern {
		pattern[i] = 'a' + byte((i*31+(i>>8)*17+(i>>16))%26)
	}
	return string(pattern), nil
}

func numberArgument(values []json.RawMessage, index int) (int32, error) {
	if index >= len(values) {
		return 0, fmt.Errorf("argument %d is missing", index)
	}
	var number int32
	err := json.Unmarshal(values[index], &number)
	return number, err
}

// sampleItem has every kind of field.
func sampleItem() *demo.Item {
	quantity := int64(5)
	return &demo.Item{
		ID:      "i1",
		Qty:     &quantity,
		Flag:    true,
		Price:   1.5,
		Tags:    []string{"first"},
		Counts:  map[string]int32{"apple": 3},
		Blob:    []byte{1, 2, 3},
		Color:   demo.Color_BLUE,
		Numbers: []int16{3, -4},
		Child:   &demo.Item{ID: "child", Tags: []string{}, Numbers: []int16{}},
	}
}

func describeValue(value, first any) any {
	switch value := value.(type) {
	case string:
		if len(value) > largeText {
			return object{"$string": len(value), "echoed": value == first}
		}
	case *demo.Item:
		return object{
			"id":     value.ID,
			"qty":    value.Qty,
			"price":  value.Price,
			"tags":   value.Tags,
			"counts": value.Counts,
			"color":  value.Color.String(),
			"child":  value.Child.ID,
		}
	}
	return value
}
