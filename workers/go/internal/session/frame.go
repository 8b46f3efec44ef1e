package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
)

// The limits of the protocol, in bytes where they are of texts.
const (
	NameMax    = 200
	ChunkMax   = 65536
	messageMax = 4096
	depthMax   = 32
)

// A Job is what the gateway says of one.
type Job struct {
	ID         string             `msgpack:"job"`
	Run        string             `msgpack:"run"`
	Step       string             `msgpack:"step"`
	Automation string             `msgpack:"automation"`
	Action     string             `msgpack:"action"`
	Queue      string             `msgpack:"queue"`
	Attempt    uint64             `msgpack:"attempt"`
	Parameters msgpack.RawMessage `msgpack:"parameters"`
	DeadlineMS uint64             `msgpack:"deadline_ms"` // Unix time; 0: never
}

// A heard is any message of the gateway; keys that are absent are zero.
type heard struct {
	Job         `msgpack:",inline"`
	Type        string   `msgpack:"type"`
	Token       []byte   `msgpack:"token"`
	Verdict     string   `msgpack:"verdict"`
	Reason      string   `msgpack:"reason"`
	Sequence    uint64   `msgpack:"sequence"`
	Lost        [][]byte `msgpack:"lost"`
	Cancel      [][]byte `msgpack:"cancel"`
	Session     []byte   `msgpack:"session"`
	SessionID   string   `msgpack:"session_id"`
	LeaseMS     uint64   `msgpack:"lease_ms"`
	HeartbeatMS uint64   `msgpack:"heartbeat_ms"`
	IdleMS      uint64   `msgpack:"idle_ms"`
	PayloadMax  uint64   `msgpack:"payload_max"`
	Number      uint64   `msgpack:"number"`
	Code        string   `msgpack:"code"`
	Message     string   `msgpack:"message"`
	About       string   `msgpack:"about"`
	EventID     string   `msgpack:"id"`
	Leave       bool     `msgpack:"leave"`
}

// What the worker says.
type (
	register struct {
		Type        string   `msgpack:"type"`
		Version     int      `msgpack:"v"`
		Key         string   `msgpack:"key"`
		Instance    string   `msgpack:"instance"`
		Concurrency int      `msgpack:"concurrency"`
		Session     []byte   `msgpack:"session,omitempty"`
		Held        [][]byte `msgpack:"held"`
		Queues      []string `msgpack:"queues,omitempty"`
		Actions     []string `msgpack:"actions,omitempty"`
		Labels      []string `msgpack:"labels,omitempty"`
		Environment string   `msgpack:"environment,omitempty"`
		Name        string   `msgpack:"name,omitempty"`
		Program     string   `msgpack:"version,omitempty"`
	}
	ready struct {
		Type        string `msgpack:"type"`
		Concurrency int    `msgpack:"concurrency"`
	}
	heartbeat struct {
		Type     string   `msgpack:"type"`
		Held     [][]byte `msgpack:"held"`
		Sequence uint64   `msgpack:"sequence"`
	}
	logChunk struct {
		Type   string `msgpack:"type"`
		Token  []byte `msgpack:"token"`
		Stream string `msgpack:"stream,omitempty"`
		Chunk  string `msgpack:"chunk"`
	}
	publish struct {
		Type   string             `msgpack:"type"`
		ID     string             `msgpack:"id"`
		Event  string             `msgpack:"event"`
		Source string             `msgpack:"source,omitempty"`
		Data   msgpack.RawMessage `msgpack:"data,omitempty"`
		Meta   msgpack.RawMessage `msgpack:"meta,omitempty"`
	}
	bare struct {
		Type string `msgpack:"type"`
	}
)

// A Report is the outcome of a job.
type Report struct {
	Type         string             `msgpack:"type"`
	Token        []byte             `msgpack:"token"`
	Outcome      string             `msgpack:"outcome"`
	Output       msgpack.RawMessage `msgpack:"output,omitempty"`
	ErrorType    string             `msgpack:"error_type,omitempty"`
	ErrorMessage string             `msgpack:"error_message,omitempty"`
	RetryAfterMs int64              `msgpack:"retry_after_ms,omitempty"`
}

// Failed is the report of a job that failed: kind is a word, message is for people.
func Failed(kind, message string) Report {
	return Report{Outcome: "failed", ErrorType: Cut(kind, NameMax),
		ErrorMessage: Cut(message, messageMax)}
}

// Cut returns as much of text as fits in max bytes, as valid UTF-8.
func Cut(text string, max int) string {
	// Each byte that is no UTF-8 becomes three; there is no need to look at more.
	text = strings.ToValidUTF8(text[:min(len(text), max+utf8.UTFMax)], "\uFFFD")
	if len(text) <= max {
		return text
	}
	for !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}

// ErrTooLarge says that a value takes more bytes than it may.
var ErrTooLarge = errors.New("it is too large")

// A bounded buffer refuses what goes beyond max, so that a value that contains itself
// ends, too.
type bounded struct {
	bytes bytes.Buffer
	max   int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.bytes.Len()+len(p) > b.max {
		return 0, ErrTooLarge
	}
	return b.bytes.Write(p)
}

// Pack returns value as msgpack, in max bytes at most, checked as Check does.  Fields
// of structs go by their json names.
func Pack(value any, max int) (msgpack.RawMessage, error) {
	out := bounded{max: max}
	encoder := msgpack.NewEncoder(&out)
	encoder.SetCustomStructTag("json")
	encoder.UseCompactInts(true)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	// The message around it is the first level.
	return out.bytes.Bytes(), checkTo(out.bytes.Bytes(), depthMax-1)
}

// Unpack reads what Pack wrote.
func Unpack(packed msgpack.RawMessage, into any) error {
	decoder := msgpack.NewDecoder(bytes.NewReader(packed))
	decoder.SetCustomStructTag("json")
	decoder.UseLooseInterfaceDecoding(true)
	return decoder.Decode(into)
}

// encode packs a message whose parts have been checked.
func encode(message any) []byte {
	frame, err := msgpack.Marshal(message)
	if err != nil {
		panic(err)
	}
	return frame
}

// decode reads a frame of the gateway, which may be anything.
func decode(frame []byte) (h heard, err error) {
	// Twice the depth is as safe, and parameters of the full depth are around one more.
	if err := checkTo(frame, 2*depthMax); err != nil {
		return h, err
	}
	if kind, _, _ := head(frame); kind != kindMap {
		return h, errors.New("a message is a map")
	}
	if err = msgpack.Unmarshal(frame, &h); err == nil && h.Type == "" {
		err = errors.New("a message has a type")
	}
	return h, err
}

// checkTo tells what is wrong with in, if it is not one value of msgpack that the
// protocol allows, nested at most depth deep.
func checkTo(in []byte, depth int) error {
	rest, err := skip(in, depth)
	if err == nil && len(rest) > 0 {
		err = errors.New("something follows the value")
	}
	return err
}

type kind int

const (
	kindWrong kind = iota
	kindPlain      // size bytes follow
	kindText       // the same, in UTF-8
	kindArray      // size values follow
	kindMap        // size pairs follow
)

// head reads the first byte of a value and the size after it.
func head(in []byte) (k kind, size int64, rest []byte) {
	if len(in) == 0 {
		return kindWrong, 0, nil
	}
	code, rest := in[0], in[1:]
	sized := func(k kind, width int) (kind, int64, []byte) {
		if len(rest) < width {
			return kindWrong, 0, nil
		}
		var wide [8]byte
		copy(wide[8-width:], rest)
		return k, int64(binary.BigEndian.Uint64(wide[:])), rest[width:]
	}
	switch {
	case code <= 0x7f, code >= 0xe0, code == 0xc0, code == 0xc2, code == 0xc3:
		return kindPlain, 0, rest // a small number, nil, false, true
	case code <= 0x8f:
		return kindMap, int64(code & 0x0f), rest
	case code <= 0x9f:
		return kindArray, int64(code & 0x0f), rest
	case code <= 0xbf:
		return kindText, int64(code & 0x1f), rest
	case code >= 0xc4 && code <= 0xc6:
		return sized(kindPlain, 1<<(code-0xc4)) // bytes
	case code == 0xca, code == 0xcb:
		return kindPlain, 4 << (code - 0xca), rest // a float
	case code >= 0xcc && code <= 0xd3:
		return kindPlain, 1 << (code & 3), rest // an integer
	case code >= 0xd9 && code <= 0xdb:
		return sized(kindText, 1<<(code-0xd9))
	case code == 0xdc, code == 0xdd:
		return sized(kindArray, 2<<(code-0xdc))
	case code == 0xde, code == 0xdf:
		return sized(kindMap, 2<<(code-0xde))
	}
	return kindWrong, int64(code), nil // an extension, or 0xc1, which is nothing
}

// skip returns what follows the value that in begins with.
func skip(in []byte, depth int) ([]byte, error) {
	k, size, rest := head(in)
	switch k {
	case kindWrong:
		if size != 0 {
			return nil, fmt.Errorf("a value of the extension type %#x, such as a time, "+
				"must be given as a text or a number", size)
		}
		return nil, errors.New("it ends too early")
	case kindPlain, kindText:
		if size > int64(len(rest)) {
			return nil, errors.New("it ends too early")
		}
		if k == kindText && !utf8.Valid(rest[:size]) {
			return nil, errors.New("a text is not UTF-8")
		}
		return rest[size:], nil
	}
	if depth == 0 {
		return nil, errors.New("it is nested too deep")
	}
	if k == kindMap {
		size *= 2
	}
	for ; size > 0; size-- {
		var err error
		if rest, err = skip(rest, depth-1); err != nil {
			return nil, err
		}
	}
	return rest, nil
}
