package session

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

func TestCheckKnowsEveryFormOfMsgpack(t *testing.T) {
	long := strings.Repeat("x", 40)
	for _, value := range []any{nil, true, false, 1, -1, 200, -200, 40000, -40000, 1 << 20,
		-1 << 20, 1 << 40, -1 << 40, float32(0.5), 0.5, "", "é", long, strings.Repeat(long, 10),
		strings.Repeat(long, 2000), []byte{}, []byte(long), []byte(strings.Repeat(long, 10)),
		[]byte(strings.Repeat(long, 2000)), []any{}, make([]int, 20), make([]int, 70000),
		map[string]int{}, map[string]any{"a": []any{1, map[string]any{"b": nil}}},
		uint8(200), uint16(40000), uint32(1 << 31), uint64(1 << 63)} {
		packed, err := Pack(value, 1<<20)
		if err != nil {
			t.Errorf("%.20v: %v", fmt.Sprint(value), err)
			continue
		}
		plain, _ := msgpack.Marshal(value) // without short forms of numbers
		for _, in := range [][]byte{packed, plain} {
			if err := checkTo(in, depthMax); err != nil {
				t.Errorf("%.20v: %v", fmt.Sprint(value), err)
			}
			if checkTo(in[:len(in)-1], depthMax) == nil || checkTo(append(in, 0xc0), depthMax) == nil {
				t.Errorf("%.20v: another length will do, too", fmt.Sprint(value))
			}
		}
	}
	many := make(map[string]int)
	for i := 0; i < 70000; i++ {
		many[fmt.Sprint(i)] = i
		if i == 15 || i == 16 || i == 69999 {
			if _, err := Pack(many, 1<<20); err != nil {
				t.Errorf("a map of %d: %v", i, err)
			}
		}
	}
}

func TestWhatTheProtocolDoesNotAllowIsNotPacked(t *testing.T) {
	type link struct{ Next any }
	circle := &link{}
	circle.Next = circle
	deep := any(nil)
	for i := 0; i < depthMax; i++ {
		deep = []any{deep}
	}
	for _, row := range []struct {
		value any
		want  string
	}{
		{time.Now(), "such as a time"}, {"\xff", "UTF-8"}, {make(chan int), "chan"},
		{deep, "too deep"}, {circle, ErrTooLarge.Error()}, {make([]byte, 1000), ErrTooLarge.Error()},
	} {
		if _, err := Pack(row.value, 1000); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%T: %v, not %v", row.value, err, row.want)
		}
	}
	if _, err := Pack(deep.([]any)[0], 1000); err != nil {
		t.Error(err)
	}
	if checkTo([]byte{0xc1}, 1) == nil {
		t.Error("0xc1 is nothing")
	}
}

func TestValuesGoByTheirJSONNames(t *testing.T) {
	type point struct {
		X      int     `json:"x"`
		Weight float64 `json:"weight,omitempty"`
		Secret string  `json:"-"`
	}
	packed, err := Pack(point{X: 3, Secret: "no"}, 100)
	if err != nil {
		t.Fatal(err)
	}
	var loose any
	if err := Unpack(packed, &loose); err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"x": int64(3)}; !reflect.DeepEqual(loose, want) {
		t.Errorf("%v, not %v", loose, want)
	}
	packed, _ = Pack(map[string]any{"x": 4, "weight": 2, "more": "passed over"}, 100)
	var strict point
	if err := Unpack(packed, &strict); err != nil || strict != (point{X: 4, Weight: 2}) {
		t.Error(strict, err)
	}
	packed, _ = Pack(map[string]any{"x": "four"}, 100)
	if Unpack(packed, &strict) == nil {
		t.Error("a text is no number")
	}
}

func TestMessagesThatAreNoneArePassedOver(t *testing.T) {
	for _, in := range []any{nil, 5, []any{"job"}, map[string]any{}, map[string]any{"type": ""},
		map[string]any{"type": 5}, map[int]any{1: 2}, map[string]any{"type": "job", "lost": []any{1}}} {
		frame, _ := msgpack.Marshal(in)
		if h, err := decode(frame); err == nil {
			t.Errorf("%v is %v", in, h)
		}
	}
	deep := any(nil)
	for i := 1; i < 2*depthMax; i++ {
		frame, _ := msgpack.Marshal(map[string]any{"type": "job", "parameters": deep})
		if _, err := decode(frame); err != nil {
			t.Error(i, err)
		}
		deep = []any{deep}
	}
	frame, _ := msgpack.Marshal(map[string]any{"type": "job", "parameters": []any{deep}})
	if _, err := decode(frame); err == nil {
		t.Error("there is no end to how deep")
	}
	// Bytes and texts stand for each other, and nil for what is absent.
	frame, _ = msgpack.Marshal(map[string]any{"type": []byte("ack"), "token": "1", "lost": nil,
		"attempt": nil, "surprise": []any{1}})
	h, err := decode(frame)
	if err != nil || h.Type != "ack" || string(h.Token) != "1" {
		t.Error(h, err)
	}
}

func TestTextsAreCutBetweenCharacters(t *testing.T) {
	for _, row := range []struct {
		in   string
		max  int
		want string
	}{
		{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aé", 2, "a"}, {"aéb", 3, "aé"},
		{"a\xff", 4, "a\uFFFD"}, {"a\xff\xffb", 4, "a\uFFFD"}, {"€€", 5, "€"}, {"\xff", 2, ""},
		{"😀😀", 7, "😀"}, {strings.Repeat("😀", 3), 8, "😀😀"},
	} {
		if got := Cut(row.in, row.max); got != row.want {
			t.Errorf("%q in %d: %q, not %q", row.in, row.max, got, row.want)
		}
	}
}

func TestAnEventThatCannotBeSaidIsNot(t *testing.T) {
	event := &Event{ID: "a\xff", Type: "t"}
	if event.Encode() == nil {
		t.Error("an id that is no UTF-8 will do")
	}
	if errors.Is(event.Encode(), ErrTooLarge) {
		t.Error("it is not too large")
	}
}
