package capstan

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/pebbe/zmq4"

	"capstan/internal/session"
)

const (
	frameMax = session.PayloadMax + 1<<20
	linger   = time.Second
	denials  = zmq4.EVENT_HANDSHAKE_FAILED_AUTH
	breaks   = zmq4.EVENT_CLOSED | zmq4.EVENT_DISCONNECTED |
		zmq4.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq4.EVENT_HANDSHAKE_FAILED_PROTOCOL
)

// A line is one DEALER to the gateway.  It does not connect again by itself: one that is
// broken is shut, and another opened when the session thinks fit.  All but wake is for
// one goroutine.
type line struct {
	context *zmq4.Context
	socket  *zmq4.Socket // nil: shut
	monitor *zmq4.Socket // tells when it broke
	opened  int          // times
	poller  *zmq4.Poller

	bell *zmq4.Socket // what ends a wait arrives here
	rope *zmq4.Socket // and is sent here
}

func newLine() (*line, error) {
	context, err := zmq4.NewContext()
	if err != nil {
		return nil, err
	}
	l := &line{context: context}
	l.bell, err = context.NewSocket(zmq4.PAIR)
	if err == nil {
		err = l.bell.Bind("inproc://bell")
	}
	if err == nil {
		l.rope, err = context.NewSocket(zmq4.PAIR)
	}
	if err == nil {
		err = l.rope.Connect("inproc://bell")
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	l.watch()
	return l, nil
}

// close it for good; what was said last may leave still.
func (l *line) close() (err error) {
	l.shut(linger)
	for _, socket := range []*zmq4.Socket{l.bell, l.rope} {
		if socket != nil {
			err = errors.Join(err, socket.Close())
		}
	}
	return errors.Join(err, l.context.Term())
}

// wake ends a wait, this one or the next; from any goroutine, by one at a time.
func (l *line) wake() {
	// If there is no room, it has been rung often enough.
	_, _ = l.rope.SendBytes(nil, zmq4.DONTWAIT)
}

// open a connection; it is there when the line can be written to.
func (l *line) open(options *Options) (err error) {
	if l.socket, err = l.context.NewSocket(zmq4.DEALER); err != nil {
		return err
	}
	s, marks := l.socket, 2*options.Concurrency+64
	l.opened++
	name := fmt.Sprintf("inproc://line-%d", l.opened)
	for _, set := range []func() error{
		func() error { return s.SetImmediate(true) },
		func() error { return s.SetReconnectIvl(-1) },
		func() error { return s.SetSndhwm(marks) },
		func() error { return s.SetRcvhwm(marks) },
		func() error { return s.SetMaxmsgsize(frameMax) },
		// The system asks by itself whether a silent gateway's system is there.
		func() error { return s.SetTcpKeepalive(1) },
		func() error { return s.SetTcpKeepaliveIdle(15) },
		func() error { return s.SetTcpKeepaliveIntvl(5) },
		func() error { return s.SetTcpKeepaliveCnt(3) },
		func() error { return s.SetIpv6(strings.Contains(options.URL, "[")) },
		func() error { return secure(s, options.ServerKey) },
		func() error { return s.Monitor(name, breaks|denials) },
		func() error { l.monitor, err = l.context.NewSocket(zmq4.PAIR); return err },
		func() error { return l.monitor.Connect(name) },
		func() error { return s.Connect(options.URL) },
	} {
		if err = set(); err != nil {
			l.shut(0)
			return err
		}
	}
	l.watch()
	return nil
}

func secure(socket *zmq4.Socket, serverKey string) error {
	if serverKey == "" {
		return nil
	}
	public, secret, err := zmq4.NewCurveKeypair()
	if err != nil {
		return err
	}
	return socket.ClientAuthCurve(serverKey, public, secret)
}

// shut the connection; what was sent may leave for a while still.
func (l *line) shut(linger time.Duration) {
	if l.socket == nil {
		return
	}
	// These fail only of sockets that are closed already.
	if l.monitor != nil {
		_ = l.socket.Monitor("", 0)
		_ = l.monitor.Close()
	}
	_ = l.socket.SetLinger(linger)
	_ = l.socket.Close()
	l.socket, l.monitor = nil, nil
	l.watch()
}

func (l *line) watch() {
	l.poller = zmq4.NewPoller()
	for _, socket := range []*zmq4.Socket{l.bell, l.monitor, l.socket} {
		if socket != nil {
			l.poller.Add(socket, zmq4.POLLIN)
		}
	}
}

// What has come while waiting.
type ready struct{ read, write, news bool }

// wait until there is something to read, or room to write if asked for, or the bell is
// rung, or until due, if that is not zero.
func (l *line) wait(write bool, due time.Time) (come ready, err error) {
	timeout := time.Duration(-1)
	if !due.IsZero() {
		// Rounded up, or the last millisecond would be spent asking.
		timeout = max(0, min(time.Until(due), time.Hour)+time.Millisecond-1)
	}
	if l.socket != nil {
		events := zmq4.POLLIN
		if write {
			events |= zmq4.POLLOUT
		}
		if _, err := l.poller.UpdateBySocket(l.socket, events); err != nil {
			return come, err
		}
	}
	polled, err := l.poller.Poll(timeout)
	for _, p := range polled {
		switch p.Socket {
		case l.socket:
			come.read, come.write = p.Events&zmq4.POLLIN != 0, p.Events&zmq4.POLLOUT != 0
		case l.monitor:
			come.news = true
		case l.bell:
			_, err = l.bell.RecvBytes(zmq4.DONTWAIT)
		}
	}
	return come, err
}

// news tells whether the connection broke, or the gateway denied it.
func (l *line) news() (broken, denied bool) {
	for {
		event, _, _, err := l.monitor.RecvEvent(zmq4.DONTWAIT)
		if err != nil {
			return broken, denied
		}
		broken, denied = broken || event&breaks != 0, denied || event&denials != 0
	}
}

// send a frame; false: there is no room, or nobody.
func (l *line) send(frame []byte) bool {
	if l.socket == nil {
		return false
	}
	_, err := l.socket.SendBytes(frame, zmq4.DONTWAIT)
	return err == nil
}

// receive the next frame; false if there is none.  A message of several frames, which
// nobody should send, gives an empty one.
func (l *line) receive() ([]byte, bool) {
	frame, err := l.socket.RecvBytes(zmq4.DONTWAIT)
	if err != nil {
		return nil, false
	}
	for {
		more, err := l.socket.GetRcvmore()
		if err != nil || !more {
			return frame, true
		}
		frame = nil
		if _, err = l.socket.RecvBytes(zmq4.DONTWAIT); err != nil {
			return nil, true
		}
	}
}

// isWrong tells an address or a key that will never do from a moment that is bad.
func isWrong(err error) bool {
	return zmq4.AsErrno(err) == zmq4.Errno(syscall.EINVAL) ||
		zmq4.AsErrno(err) == zmq4.EPROTONOSUPPORT ||
		zmq4.AsErrno(err) == zmq4.Errno(syscall.ENODEV)
}
