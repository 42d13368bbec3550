package decider

import (
	"fmt"
	"io"
	"net/http"
)

// bounded shows the token, if there is one, and ends answers that are too long. The client above it refuses them, too,
// but reads an answer to its end before it says so, and not every answer ends.
type bounded struct {
	transport http.RoundTripper
	limit     int64 // bytes
	token     func() string
}

func (b *bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	if b.token != nil {
		request = request.Clone(request.Context()) // a transport leaves its request as it is
		request.Header.Set("Authorization", "Bearer "+b.token())
	}
	response, err := b.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{ReadCloser: response.Body, left: b.limit, limit: b.limit}
	return response, nil
}

type boundedBody struct {
	io.ReadCloser
	left, limit int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fmt.Errorf("the answer is longer than %d bytes", b.limit)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more than fits, to see whether there is more
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return 0, fmt.Errorf("the answer is longer than %d bytes", b.limit)
	}
	return n, err
}
