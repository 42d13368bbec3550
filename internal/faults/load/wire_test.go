//go:build faults

package load

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	stockholdv1 "stockhold/gen/stockhold/v1"
	"stockhold/gen/stockhold/v1/stockholdv1connect"
)

// How a connection is dimensioned.
const (
	streams   = 1000    // calls in flight on one: what a server allows
	window    = 1 << 30 // what the server may send before it must be asked for more
	frameSize = 1 << 14
)

// wire is a connection that makes Trys at little cost: Connect's unary protocol in
// bare HTTP/2 frames, many calls to a write, and no goroutine and no context for each.
// The usual client takes longer to call than the server to turn away, and would be what
// is measured.
//
// Requests in flight (streams of them) fit into the window that servers start with,
// so it is not looked at.
type wire struct {
	conn   net.Conn
	framer *http2.Framer
	out    *bytes.Buffer // what the framer wrote and was not sent
	hpack  *hpack.Encoder
	block  bytes.Buffer // one request's headers
	host   string

	free    chan struct{} // one for each stream that could be opened
	due     chan *reply
	acks    chan func() error // answers to the server's own frames
	quit    chan struct{}
	running sync.WaitGroup

	mu      sync.Mutex
	flying  map[uint32]*reply
	failure error // why the connection ended
}

// reply is a call and what became of it.
type reply struct {
	body   []byte // the request, then the answer
	then   func(*reply)
	began  time.Time
	took   time.Duration
	status string
	err    error // of the connection
}

// outcome is what an answer says.
func (r *reply) outcome() (code string, refusal *stockholdv1.Refusal, err error) {
	if r.err != nil {
		return "", nil, r.err
	}
	if r.status == "200" {
		return "", nil, nil
	}
	var failure struct {
		Code    string
		Message string
		Details []struct{ Type, Value string }
	}
	if err := json.Unmarshal(r.body, &failure); err != nil {
		return "", nil, fmt.Errorf("an answer with status %s: %w", r.status, err)
	}
	for _, detail := range failure.Details {
		if detail.Type != "stockhold.v1.Refusal" {
			continue
		}
		raw, err := base64.RawStdEncoding.DecodeString(detail.Value)
		if err != nil {
			return "", nil, err
		}
		refusal = &stockholdv1.Refusal{}
		if err := proto.Unmarshal(raw, refusal); err != nil {
			return "", nil, err
		}
	}
	return failure.Code, refusal, fmt.Errorf("%s: %s", failure.Code, failure.Message)
}

// dial connects to the server at a URL.
func dial(url string) (*wire, error) {
	host := strings.TrimPrefix(url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	w := &wire{
		conn: conn, out: &bytes.Buffer{}, host: host,
		free: make(chan struct{}, streams), due: make(chan *reply, streams), acks: make(chan func() error, 16), quit: make(chan struct{}),
		flying: map[uint32]*reply{},
	}
	for range streams {
		w.free <- struct{}{}
	}
	w.hpack = hpack.NewEncoder(&w.block)
	w.framer = http2.NewFramer(w.out, bufio.NewReaderSize(conn, 4*frameSize))
	w.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	w.framer.SetReuseFrames()
	w.out.WriteString(http2.ClientPreface)
	if err := errors.Join(
		w.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}, http2.Setting{ID: http2.SettingEnablePush, Val: 0}),
		w.framer.WriteWindowUpdate(0, window),
		w.send(), // at once: a server closes a connection that says nothing
	); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	w.running.Go(w.write)
	w.running.Go(w.read)
	return w, nil
}

// close ends the connection. Calls without an answer fail. There must be no later ones.
func (w *wire) close() {
	close(w.quit)
	w.conn.Close()
	w.running.Wait()
}

// call sends one request as soon as a stream is free. then hears what became of it;
// it may call again, if fewer calls are under way than one connection carries, and
// must not wait for an answer.
func (w *wire) call(request []byte, began time.Time, then func(*reply)) {
	<-w.free
	w.due <- &reply{body: request, began: began, then: then} // there is room for as many as there are streams
}

// write sends what is due, as much as there is in one go.
func (w *wire) write() {
	next := uint32(1)
	for {
		var err error
		select {
		case r := <-w.due:
			err = w.request(&next, r)
		case ack := <-w.acks:
			err = ack()
		case <-w.quit:
			return
		}
		if err == nil && (len(w.due) == 0 || w.out.Len() > frameSize) && len(w.acks) == 0 {
			err = w.send()
		}
		if err != nil {
			w.conn.Close() // and read ends all calls, these and later ones
		}
	}
}

// send sends all that was written.
func (w *wire) send() error {
	_, err := w.conn.Write(w.out.Bytes())
	w.out.Reset()
	return err
}

func (w *wire) request(next *uint32, r *reply) error {
	id := *next
	*next += 2
	w.mu.Lock()
	if w.failure != nil {
		w.mu.Unlock()
		w.finish(r, w.failure)
		return nil
	}
	w.flying[id] = r
	w.mu.Unlock()

	w.block.Reset()
	for _, field := range []hpack.HeaderField{
		{Name: ":method", Value: http.MethodPost}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: w.host},
		{Name: ":path", Value: stockholdv1connect.ReservationServiceTryProcedure},
		{Name: "content-type", Value: "application/proto"}, {Name: "connect-protocol-version", Value: "1"},
		{Name: "connect-timeout-ms", Value: fmt.Sprint(deadline.Milliseconds())},
	} {
		if err := w.hpack.WriteField(field); err != nil {
			return err
		}
	}
	body := r.body
	r.body = nil
	return errors.Join(
		w.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: w.block.Bytes(), EndHeaders: true}),
		w.framer.WriteData(id, true, body))
}

// read takes answers until the connection ends, and then fails what is open.
func (w *wire) read() {
	err := w.answers()
	w.mu.Lock()
	w.failure = err
	open := w.flying
	w.flying = nil
	w.mu.Unlock()
	for _, r := range open {
		w.finish(r, err)
	}
}

func (w *wire) answers() error {
	consumed := uint32(0)
	for {
		frame, err := w.framer.ReadFrame()
		if err != nil {
			return err
		}
		id := frame.Header().StreamID
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			w.heard(id, frame.StreamEnded(), func(r *reply) {
				if status := frame.PseudoValue("status"); status != "" {
					r.status = status
				}
			})
		case *http2.DataFrame:
			w.heard(id, frame.StreamEnded(), func(r *reply) { r.body = append(r.body, frame.Data()...) })
			if consumed += frame.Length; consumed > window/2 {
				much := consumed
				consumed = 0
				w.acknowledge(func() error { return w.framer.WriteWindowUpdate(0, much) })
			}
		case *http2.RSTStreamFrame:
			w.heard(id, true, func(r *reply) { r.err = fmt.Errorf("the server reset the call: %s", frame.ErrCode) })
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				w.acknowledge(w.framer.WriteSettingsAck)
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				data := frame.Data
				w.acknowledge(func() error { return w.framer.WritePing(true, data) })
			}
		case *http2.GoAwayFrame:
			return fmt.Errorf("the server sent the connection away: %s", frame.ErrCode)
		}
	}
}

// acknowledge has the writer answer one of the server's own frames.
func (w *wire) acknowledge(ack func() error) {
	select {
	case w.acks <- ack:
	case <-w.quit:
	}
}

// heard notes something about a call, and ends it if that was all.
func (w *wire) heard(id uint32, last bool, note func(*reply)) {
	w.mu.Lock()
	r := w.flying[id]
	if last {
		delete(w.flying, id)
	}
	w.mu.Unlock()
	if r == nil {
		return
	}
	note(r)
	if last {
		w.finish(r, r.err)
	}
}

func (w *wire) finish(r *reply, err error) {
	r.err = err
	r.took = time.Since(r.began)
	w.free <- struct{}{}
	r.then(r)
}
