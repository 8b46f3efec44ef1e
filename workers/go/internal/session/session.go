// Package session is a worker's side of docs/protocols/worker.md as a machine: it is
// told what has arrived and what time it is, and decides what is said.  It knows no
// socket, no clock and no goroutine; all its methods are for one goroutine.
package session

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"time"
)

const (
	answerWithin   = 5 * time.Second // a connection, and the answer to `register`
	backoff        = 100 * time.Millisecond
	backoffMax     = 5 * time.Second
	resendAfter    = 2 * time.Second
	resendMax      = 10 * time.Second
	grace          = 500 * time.Millisecond // for actions to notice that all is over
	beatsMax       = 4
	tokenMax       = 200
	payloadDefault = 1 << 20
	PayloadMax     = 64 << 20 // no engine takes more
	durationMaxMS  = 1<<32 - 1
)

// What ends a session, or a job's context.
var (
	ErrRefused    = errors.New("capstan: the engine does not let this worker in")
	ErrUnfinished = errors.New("capstan: stopped with jobs under way")
	ErrCancelled  = errors.New("capstan: the job was cancelled")
	ErrLost       = errors.New("capstan: the job's lease was lost")
)

// An EngineError is the engine's answer to what it does not take.
type EngineError struct {
	Code    string // a name from docs/errors.md
	Message string // for people
}

func (e *EngineError) Error() string {
	return e.Code + ": " + e.Message
}

// A State says what the shell has to do for the session.
//
//	       time            connected         registered
//	Away ---------> Calling ---------> Asking ----------> Member
//	 ^                 |                | ^                 | |
//	 +-----------------+----------------+ +---- register ---+ |
//	 +---------------- broken, silent, refused ---------------+
type State int

const (
	Away    State = iota // there is no connection, and there shall be none
	Calling              // there shall be one: tell Connected or Broken
	Asking               // `register` is said, and not answered
	Member
)

// Config is what does not change in a session's life.
type Config struct {
	Instance, Name, Version, Environment string

	Queues, Actions, Labels []string

	Concurrency int
	Heartbeat   time.Duration // never less often; 0: as told
	Drain       time.Duration

	Log    *slog.Logger
	Random func() float64          // from 0 to below 1
	Send   func(frame []byte) bool // false: there is no room, or nobody
	Logged func(size int)          // a log chunk has gone, or been dropped
}

// A Session is all that a worker knows of its engine and its jobs.
type Session struct {
	Now  time.Time // of this turn; the caller sets it
	Key  string    // the API key to register with next
	Err  error     // how it ended
	Done bool      // say no more, and close the connection

	config     Config
	state      State
	token      []byte
	lease      time.Duration // silence that costs the leases
	heartbeat  time.Duration
	idle       time.Duration // the same while nothing is held
	payloadMax int
	failures   int       // since a heartbeat was answered last
	turn       time.Time // Away: call then; Calling, Asking: give up then; zero: never
	beat       time.Time // the next heartbeat
	heard      time.Time
	asked      time.Time
	confirmed  time.Time // our leases were good then, at least
	beats      []sentBeat
	sequence   uint64
	announced  int  // the capacity that the gateway knows
	paused     bool // the engine goes down: no new jobs before we are back
	blocked    bool
	puzzles    uint64 // frames that made no sense

	leases   map[string]*Lease
	waiting  []*Lease // to be begun
	outgoing []*Lease // reports to be said
	resend   time.Time
	open     int // leases without a report
	running  int // actions
	orphans  int // those of them whose lease is lost
	logs     []logged
	events   []*Event

	leaving, hurried bool
	by               time.Time // wait no longer, first for jobs, then for actions
	cut              int       // jobs that were under way then
}

type sentBeat struct {
	sequence uint64
	at       time.Time
}

// New returns a session that calls at once.
func New(config Config, now time.Time) *Session {
	return &Session{Now: now, config: config, turn: now, leases: map[string]*Lease{}}
}

// State says whether there shall be a connection.
func (s *Session) State() State { return s.state }

// Blocked says that something waits for room in the socket.
func (s *Session) Blocked() bool { return s.blocked }

func (s *Session) capacity() int {
	if s.leaving || s.paused {
		return 0
	}
	return max(0, s.config.Concurrency-s.orphans)
}

func (s *Session) put(frame []byte) bool {
	sent := s.config.Send(frame)
	s.blocked = s.blocked || !sent
	return sent
}

// held lists every lease, in the same order whenever it is the same.
func (s *Session) held() [][]byte {
	held := make([][]byte, 0, len(s.leases))
	for _, lease := range s.leases {
		held = append(held, lease.token)
	}
	sort.Slice(held, func(i, j int) bool { return bytes.Compare(held[i], held[j]) < 0 })
	return held
}

// Connected says that the connection can be written to.
func (s *Session) Connected() {
	s.blocked = false
	s.ask()
}

func (s *Session) ask() {
	s.state, s.turn = Asking, s.Now.Add(answerWithin)
	s.asked, s.beats, s.paused = s.Now, nil, false
	// Whatever was said to a gateway that did not know us was said to nobody.
	s.sayAgain()
	s.announced = s.capacity()
	c := s.config
	if !s.put(encode(register{Type: "register", Version: 1, Key: s.Key,
		Instance: c.Instance, Concurrency: s.announced, Session: s.token, Held: s.held(),
		Queues: c.Queues, Actions: c.Actions, Labels: c.Labels,
		Environment: c.Environment, Name: c.Name, Program: c.Version})) {
		s.Broken("there is no room")
	}
}

// Broken says that there is no connection, or makes it so: another is made in a while.
func (s *Session) Broken(why string) {
	wait := min(backoff<<min(s.failures, 10), backoffMax)
	// An engine that is away for an hour is not worth a line every five seconds.
	if s.state == Member || s.failures&(s.failures-1) == 0 {
		s.config.Log.Warn("not connected", "why", why, "failures", s.failures)
	}
	s.failures++
	s.state, s.turn, s.blocked = Away, s.Now.Add(s.jittered(wait)), false
	s.sayAgain()
}

// A little off, so that a thousand workers do not come at once.
func (s *Session) jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.75 + s.config.Random()/2))
}

func (s *Session) registered(h *heard) {
	if s.state != Asking {
		return
	}
	if h.HeartbeatMS == 0 || h.HeartbeatMS > h.LeaseMS || h.LeaseMS > durationMaxMS ||
		len(h.Session) > tokenMax {
		s.puzzled(errors.New("registered makes no sense"))
		return
	}
	s.token = h.Session
	s.lease, s.heartbeat = milliseconds(h.LeaseMS), milliseconds(h.HeartbeatMS)
	s.idle = max(s.heartbeat, milliseconds(min(h.IdleMS, durationMaxMS)))
	if asked := s.config.Heartbeat; asked > 0 {
		s.heartbeat = min(s.heartbeat, asked)
		s.idle = s.heartbeat
	}
	s.payloadMax = payloadDefault
	if h.PayloadMax > 0 {
		s.payloadMax = int(min(h.PayloadMax, PayloadMax))
	}
	s.state, s.confirmed = Member, s.asked
	s.beat = s.Now.Add(s.every())
	s.loseAll(h.Lost)
	s.config.Log.Info("registered", "session", h.SessionID, "instance", s.config.Instance,
		"held", len(s.leases))
}

func milliseconds(ms uint64) time.Duration { return time.Duration(ms) * time.Millisecond }

// every is how often to be heard.
func (s *Session) every() time.Duration {
	if len(s.leases) == 0 {
		return s.idle
	}
	return s.heartbeat
}

func (s *Session) early(every time.Duration) time.Time {
	return s.Now.Add(every - time.Duration(s.config.Random()*float64(every)/10))
}

func (s *Session) sayHeartbeat() {
	s.sequence++
	if !s.put(encode(heartbeat{"heartbeat", s.held(), s.sequence})) {
		s.beat = s.Now.Add(s.every() / 4)
		return
	}
	if len(s.beats) == beatsMax {
		s.beats = s.beats[1:]
	}
	s.beats = append(s.beats, sentBeat{s.sequence, s.Now})
	s.beat = s.early(s.every())
}

// confirm says that a heartbeat was answered: what we held when we sent it was ours when
// it was read.
func (s *Session) confirm(sequence uint64) {
	for i, beat := range s.beats {
		if sequence == 0 || beat.sequence == sequence {
			s.confirmed, s.beats, s.failures = beat.at, s.beats[i+1:], 0
			return
		}
	}
}

// holds says that there is one more lease, perhaps the first for a long time.
func (s *Session) holds() {
	// We may not have beaten for long; the gateway has, so the lease is new.
	if spoken := s.Now.Add(-s.heartbeat); len(s.leases) == 1 && s.confirmed.Before(spoken) {
		s.confirmed = spoken
	}
	if s.beat.After(s.Now.Add(s.heartbeat)) {
		s.beat = s.early(s.heartbeat)
	}
}

// fence is when another worker may have our jobs soon.
func (s *Session) fence() time.Time {
	if s.open == 0 {
		return time.Time{}
	}
	return s.confirmed.Add(s.lease * 9 / 10)
}

func (s *Session) silent() time.Time { return s.heard.Add(s.every() * 5 / 2) }

func (s *Session) reached(t time.Time) bool { return !t.IsZero() && !s.Now.Before(t) }

func (s *Session) nothingLeft() bool {
	return len(s.leases)+s.orphans+len(s.logs)+len(s.events) == 0
}

// Stop leaves for good, when what is held is finished; the second time at once.
func (s *Session) Stop() {
	if s.leaving {
		s.leave(0)
	} else {
		s.leave(s.config.Drain)
	}
}

func (s *Session) leave(within time.Duration) {
	if by := s.Now.Add(within); !s.leaving || !s.hurried && by.Before(s.by) {
		s.by = by
	}
	if s.leaving {
		return
	}
	s.config.Log.Info("leaving", "held", len(s.leases))
	s.leaving = true
	for _, lease := range s.waiting {
		s.giveBack(lease)
	}
	s.waiting = nil
}

// Refused says that the engine does not want us, and never will.
func (s *Session) Refused(code, message string) {
	s.Err = fmt.Errorf("%w: %w", ErrRefused, &EngineError{code, message})
	s.state, s.turn = Away, time.Time{}
	s.leave(0)
}

func (s *Session) finish() {
	if s.state >= Asking {
		s.put(encode(bare{"goodbye"}))
	}
	s.Done = true
	if s.Err == nil && (s.cut > 0 || !s.nothingLeft()) {
		s.Err = ErrUnfinished
	}
	s.config.Log.Info("left", "unfinished", s.cut+len(s.leases))
}

// Tick does what the clock asks for.
func (s *Session) Tick() {
	if s.reached(s.fence()) {
		s.config.Log.Warn("leases given up", "open", s.open)
		s.loseOpen()
	}
	if s.leaving && s.nothingLeft() || s.hurried && s.reached(s.by) {
		s.finish()
		return
	}
	if s.leaving && !s.hurried && s.reached(s.by) {
		// Goodbye gives them back; until then actions may notice.
		s.hurried, s.by, s.cut = true, s.Now.Add(grace), s.open
		s.loseOpen()
	}
	switch {
	case s.state == Away && s.reached(s.turn):
		s.state, s.turn = Calling, s.Now.Add(answerWithin)
	case s.state == Calling && s.reached(s.turn), s.state == Asking && s.reached(s.turn):
		s.Broken("no answer")
	case s.state == Member && s.reached(s.silent()):
		s.Broken("silence")
	case s.state == Member && s.reached(s.beat):
		s.sayHeartbeat()
	}
	if s.state == Member && s.reached(s.resend) {
		s.sayDue()
	}
}

// Due is when Tick and Say are wanted next; zero: never.
func (s *Session) Due() (due time.Time) {
	consider := func(t time.Time) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	consider(s.fence())
	if s.leaving {
		consider(s.by)
		if s.nothingLeft() {
			consider(s.Now)
		}
	}
	if s.state != Member {
		consider(s.turn)
		return due
	}
	consider(s.beat)
	consider(s.silent())
	consider(s.resend)
	for _, event := range s.events {
		if !s.blocked { // then room is waited for, not time
			consider(event.resend)
		}
	}
	return due
}

// Say says all that can be said now.  What waits for room keeps what comes after it.
func (s *Session) Say() {
	s.blocked = false
	s.sayLogs()
	if s.state != Member {
		return
	}
	if capacity := s.capacity(); capacity != s.announced && !s.blocked {
		frame := encode(ready{"ready", capacity})
		if s.leaving {
			frame = encode(bare{"drain"})
		}
		if s.put(frame) {
			s.announced = capacity
		}
	}
	s.sayEvents()
	s.sayReports()
}
