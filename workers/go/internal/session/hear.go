package session

import (
	"slices"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// Hear acts on one frame of the gateway, which may hold anything.
func (s *Session) Hear(frame []byte) {
	h, err := decode(frame)
	if err != nil {
		s.puzzled(err)
		return
	}
	s.heard = s.Now
	switch h.Type {
	case "job":
		s.accept(&h)
	case "ack":
		s.acknowledged(&h)
	case "heartbeat":
		s.confirm(h.Sequence)
		s.loseAll(h.Lost)
		for _, token := range h.Cancel {
			s.cancel(token, "the engine says so")
		}
	case "cancel":
		s.cancel(h.Token, h.Reason)
	case "registered":
		s.registered(&h)
	case "register":
		// Several words to a gateway that forgot us are answered several times.
		if s.state == Member {
			s.ask()
		}
	case "published":
		s.answered(h.EventID, h.Number, nil)
	case "drain":
		if h.Leave {
			s.leave(s.config.Drain)
		} else {
			s.config.Log.Info("the engine goes down", "held", len(s.leases))
			s.paused = true
		}
	case "error":
		s.error(&h)
	}
}

// A line for the first of them, the second, the fourth, and so on.
func (s *Session) puzzled(why error) {
	s.puzzles++
	if s.puzzles&(s.puzzles-1) == 0 {
		s.config.Log.Warn("frame not understood", "why", why, "count", s.puzzles)
	}
}

func (s *Session) acknowledged(h *heard) {
	lease := s.leases[string(h.Token)]
	switch {
	case lease == nil:
	case h.Verdict == "stale":
		s.config.Log.Warn("report came too late", "job", lease.Job.ID)
		s.lose(lease)
	case lease.state == reporting:
		s.forget(lease)
	}
}

// What the codes of the engine mean; all others mean to try again.
var (
	endsAlways = []string{"unauthorized", "forbidden"}
	endsAsking = []string{"malformed", "invalid", "too_large", "unsupported"}
	inTime     = []string{"busy", "overloaded", "unavailable", "timeout"}
)

func (s *Session) error(h *heard) {
	lease := s.leases[string(h.Token)]
	asking := s.state == Asking
	switch {
	case h.About == "publish" && h.EventID != "":
		if !slices.Contains(inTime, h.Code) {
			s.answered(h.EventID, 0, &EngineError{h.Code, h.Message})
		}
	case slices.Contains(endsAlways, h.Code) && lease == nil,
		slices.Contains(endsAsking, h.Code) && asking:
		s.Refused(h.Code, h.Message)
	case asking:
		s.Broken(h.Code)
	case slices.Contains(inTime, h.Code):
	case lease != nil && lease.state == reporting && h.About != "log":
		s.reportRefused(lease, h)
	default:
		s.config.Log.Warn("error", "code", h.Code, "about", h.About, "message", h.Message)
	}
}

// An Event is to be published.
type Event struct {
	ID, Type, Source string
	Data, Meta       msgpack.RawMessage
	// Answer is called once, unless the session ends or the event is withdrawn before.
	Answer func(number uint64, err error)

	frame   []byte
	resend  time.Time
	resends int
}

// Encode makes the event's frame, and tells what is wrong with it.
func (e *Event) Encode() error {
	e.frame = encode(publish{"publish", e.ID, e.Type, e.Source, e.Data, e.Meta})
	return checkTo(e.frame, depthMax)
}

// Publish says the event until it is answered.
func (s *Session) Publish(event *Event) {
	event.resend = s.Now
	s.events = append(s.events, event)
}

// Withdraw says the event no more.
func (s *Session) Withdraw(event *Event) {
	s.events = slices.DeleteFunc(s.events, func(e *Event) bool { return e == event })
}

func (s *Session) answered(id string, number uint64, err error) {
	s.events = slices.DeleteFunc(s.events, func(e *Event) bool {
		if e.ID == id {
			e.Answer(number, err)
		}
		return e.ID == id
	})
}

func (s *Session) sayEvents() {
	for _, event := range slices.Clone(s.events) {
		switch {
		case s.blocked:
			return
		case !s.reached(event.resend):
		case len(event.Data) > s.payloadMax || len(event.Meta) > s.payloadMax:
			s.answered(event.ID, 0, &EngineError{"too_large", "data is larger than payload_max"})
		case s.put(event.frame):
			event.resend = s.Now.Add(resendAfter << event.resends)
			event.resends = min(event.resends+1, 3)
		}
	}
}
