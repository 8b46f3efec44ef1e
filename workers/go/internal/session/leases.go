package session

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// The way of a job.
//
//	job          begun            over                ack
//	---> waiting -----> running -------> reporting -----> gone
//	        |              |                 |
//	        +--------------+-----------------+-- lost ---> gone
type leaseState int

const (
	waiting leaseState = iota
	running
	reporting
	gone // an action may run still: it is an orphan
)

// A Lease is the right to do a job, and what became of it.
type Lease struct {
	Job       Job
	OutputMax int                     // bytes
	Stop      context.CancelCauseFunc // the caller sets it when the action begins

	token    []byte
	state    leaseState
	frame    []byte    // of the report
	output   int       // bytes of it
	queued   bool      // in outgoing
	resend   time.Time // when the report is said again
	resends  int
	replaced bool // the gateway did not take the report as it was
}

func (s *Session) accept(h *heard) {
	if s.state != Member || len(h.Token) == 0 || len(h.Token) > tokenMax ||
		s.leases[string(h.Token)] != nil {
		return
	}
	// What is not taken is not listed in heartbeats, and so goes to somebody else.
	if s.open >= s.config.Concurrency || len(s.leases) >= 2*s.config.Concurrency || s.hurried {
		s.config.Log.Warn("job not taken", "job", h.Job.ID, "open", s.open)
		return
	}
	lease := &Lease{Job: h.Job, OutputMax: s.payloadMax, token: h.Token}
	s.leases[string(h.Token)] = lease
	s.open++
	s.holds()
	if s.leaving {
		s.giveBack(lease)
	} else {
		s.waiting = append(s.waiting, lease)
	}
}

// Next returns a job to be begun now, or nil.
func (s *Session) Next() *Lease {
	if len(s.waiting) > 0 && s.running < s.config.Concurrency {
		lease := pop(&s.waiting)
		lease.state = running
		s.running++
		return lease
	}
	return nil
}

// withdraw takes a lease back before it is begun.
func (s *Session) withdraw(lease *Lease) {
	i := slices.Index(s.waiting, lease)
	s.waiting = slices.Delete(s.waiting, i, i+1)
}

// Over says that an action has returned.
func (s *Session) Over(lease *Lease, report Report) {
	s.running--
	if lease.state == gone {
		s.orphans--
		return
	}
	s.keep(lease, report)
}

func (s *Session) giveBack(lease *Lease) {
	s.keep(lease, Report{Outcome: "returned"})
}

// keep a report until it is acknowledged.
func (s *Session) keep(lease *Lease, report Report) {
	if lease.state != reporting {
		s.open--
	}
	report.Type, report.Token = "report", lease.token
	lease.state, lease.frame, lease.output = reporting, encode(report), len(report.Output)
	s.queue(lease)
}

func (s *Session) queue(lease *Lease) {
	if !lease.queued {
		lease.queued = true
		s.outgoing = append(s.outgoing, lease)
	}
}

func (s *Session) forget(lease *Lease) {
	lease.state = gone
	delete(s.leases, string(lease.token))
}

func (s *Session) lose(lease *Lease) {
	switch lease.state {
	case waiting:
		s.open--
		s.withdraw(lease)
	case running:
		s.open--
		s.orphans++
		lease.Stop(ErrLost)
	}
	s.forget(lease)
}

func (s *Session) loseOpen() {
	for _, lease := range s.leases {
		if lease.state != reporting {
			s.lose(lease)
		}
	}
}

func (s *Session) loseAll(tokens [][]byte) {
	for _, token := range tokens {
		if lease := s.leases[string(token)]; lease != nil {
			s.config.Log.Warn("lease lost", "job", lease.Job.ID)
			s.lose(lease)
		}
	}
}

func (s *Session) cancel(token []byte, reason string) {
	lease := s.leases[string(token)]
	switch {
	case lease == nil:
	case lease.state == waiting:
		s.withdraw(lease)
		s.keep(lease, Report{Outcome: "cancelled"})
	case lease.state == running:
		lease.Stop(fmt.Errorf("%w: %s", ErrCancelled, reason))
	}
}

// sayAgain makes everything unanswered be said on the next connection.
func (s *Session) sayAgain() {
	for _, token := range s.held() {
		if lease := s.leases[string(token)]; lease.state == reporting {
			lease.resends, lease.resend = 0, time.Time{}
			s.queue(lease)
		}
	}
	for _, event := range s.events {
		event.resend = s.Now
	}
	s.resend = time.Time{}
}

// sayDue makes the reports be said whose time has come.
func (s *Session) sayDue() {
	s.resend = time.Time{}
	for _, token := range s.held() {
		lease := s.leases[string(token)]
		if lease.state != reporting || lease.queued {
			continue
		}
		if s.reached(lease.resend) {
			s.queue(lease)
		} else {
			s.resendBy(lease.resend)
		}
	}
}

func (s *Session) resendBy(t time.Time) {
	if s.resend.IsZero() || t.Before(s.resend) {
		s.resend = t
	}
}

func (s *Session) sayReports() {
	for len(s.outgoing) > 0 && !s.blocked {
		lease := s.outgoing[0]
		if lease.state == reporting {
			// The engine may have come back with less.
			if lease.output > s.payloadMax {
				s.keep(lease, Failed("OutputTooLarge", fmt.Sprint(lease.output, " bytes")))
			}
			if !s.put(lease.frame) {
				return
			}
			lease.resend = s.Now.Add(min(resendAfter<<min(lease.resends, 3), resendMax))
			lease.resends++
			s.resendBy(lease.resend)
		}
		pop(&s.outgoing).queued = false
	}
}

// reportRefused says that the gateway cannot take the report as it is.
func (s *Session) reportRefused(lease *Lease, h *heard) {
	s.config.Log.Warn("report refused", "job", lease.Job.ID, "code", h.Code,
		"message", h.Message)
	if lease.replaced || h.Code == "stale_lease" {
		s.forget(lease)
		return
	}
	lease.replaced = true
	s.keep(lease, Failed("ReportRefused", h.Message))
}

// LogSize is what a piece of a log takes of the memory for them, about.
func LogSize(chunk string) int { return len(chunk) + 512 }

// Log says a piece of a log, if the lease is still held: at most ChunkMax bytes of UTF-8.
func (s *Session) Log(lease *Lease, stream, chunk string) {
	log := logged{size: LogSize(chunk)}
	if lease.state == running {
		log.frame = encode(logChunk{"log", lease.token, stream, chunk})
	}
	s.logs = append(s.logs, log)
}

type logged struct {
	size  int
	frame []byte // nil: nobody wants it
}

// sayLogs says all there is, in order; without a connection it is dropped.
func (s *Session) sayLogs() {
	for len(s.logs) > 0 {
		log := s.logs[0]
		if s.state == Member && log.frame != nil && !s.put(log.frame) {
			return
		}
		s.config.Logged(pop(&s.logs).size)
	}
}

// pop takes the first element, and leaves nothing of it in the queue's memory.
func pop[T any](queue *[]T) T {
	var nothing T
	first := (*queue)[0]
	(*queue)[0] = nothing
	*queue = (*queue)[1:]
	return first
}
