package rpc

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	stockholdv1 "stockhold/gen/stockhold/v1"
)

// A body over the limit is refused like anything else, with a code and a typed
// reason. Connect would refuse it as well, but without the reason; it hands on,
// as it is, an error of its own kind that reading the body ends in. So the limit
// is kept here, before Connect's, and once more where a body is decompressed.

func tooLarge(limit int) error {
	return newRefusal(connect.CodeResourceExhausted, stockholdv1.Reason_REASON_BODY_TOO_LARGE,
		fmt.Sprintf("the message is larger than the limit of %d bytes; nothing was done, send less", limit)).asError()
}

// limitBodies bounds the messages of calls.
func limitBodies(next http.Handler, limit int) http.Handler {
	refused := tooLarge(limit)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &boundedBody{
				ReadCloser: r.Body,
				refused:    refused,
				limit:      int64(limit),
				left:       int64(limit),
				enveloped:  strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"),
			}
		}
		next.ServeHTTP(w, r)
	})
}

// prefixSize is the length of what gRPC puts before a message: a byte of flags
// and four that say how long it is.
const prefixSize = 5

// boundedBody reads a body of one message up to the limit. Of a gRPC body it
// looks at the announced length first, so that a message that is too large is
// refused before it is read.
type boundedBody struct {
	io.ReadCloser
	refused   error
	limit     int64
	left      int64 // bytes that may still be read
	enveloped bool
	begun     bool
	prefix    []byte // read from the body, not yet handed on
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.enveloped && !b.begun {
		b.begun = true
		if err := b.readPrefix(); err != nil {
			return 0, err
		}
	}
	if len(b.prefix) > 0 {
		n := copy(p, b.prefix)
		b.prefix = b.prefix[n:]
		return n, nil
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		return 0, b.refuse()
	}
	b.left -= int64(n)
	return n, err
}

// readPrefix leaves the error of a short body for the next read, which meets it again.
func (b *boundedBody) readPrefix() error {
	prefix := make([]byte, prefixSize)
	n, _ := io.ReadFull(b.ReadCloser, prefix)
	if n == prefixSize && int64(binary.BigEndian.Uint32(prefix[1:])) > b.limit {
		return b.refuse()
	}
	b.prefix = prefix[:n]
	return nil
}

// refuse reads on for a while: a client of HTTP/1 that is still writing may not
// look for the answer before it is done.
func (b *boundedBody) refuse() error {
	b.left = 0
	_, _ = io.CopyN(io.Discard, b.ReadCloser, 16*b.limit) // nobody wants what is read, nor how that ends
	return b.refused
}

// boundedCompression is gzip with the same limit on what comes out.
func boundedCompression(limit int) connect.HandlerOption {
	refused := tooLarge(limit)
	return connect.WithCompression("gzip",
		func() connect.Decompressor { return &boundedGzip{refused: refused, limit: int64(limit)} },
		func() connect.Compressor { return gzip.NewWriter(io.Discard) },
	)
}

type boundedGzip struct {
	gzip.Reader
	refused error
	limit   int64
	left    int64
}

// Reset begins another message.
func (g *boundedGzip) Reset(source io.Reader) error {
	g.left = g.limit
	return g.Reader.Reset(source)
}

func (g *boundedGzip) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	if g.left -= int64(n); g.left < 0 {
		return 0, g.refused
	}
	return n, err
}
