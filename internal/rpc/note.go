package rpc

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"

	"connectrpc.com/connect"
)

// note is a refusal in the Connect protocol, written beforehand: to word each anew took
// 7 % of the server's processor time under twice the load it can carry, by profile. It is
// an http.ResponseWriter for those who write it.
type note struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// noteCount is how many differ, in when to come back.
const noteCount = 64

// writeNotes writes refusals at the door.
func writeNotes(writer *connect.ErrorWriter, limit int64) ([]note, error) {
	request, err := http.NewRequest(http.MethodPost, "/", nil)
	if err != nil {
		return nil, fmt.Errorf("write refusals: %w", err)
	}
	request.Header.Set("Content-Type", "application/proto")
	all := make([]note, noteCount)
	for i := range all {
		all[i].header = http.Header{}
		if err := writer.Write(&all[i], request, refuseAtDoor(limit).asError()); err != nil {
			return nil, fmt.Errorf("write refusals: %w", err)
		}
	}
	return all, nil
}

func (n *note) Header() http.Header            { return n.header }
func (n *note) WriteHeader(status int)         { n.status = status }
func (n *note) Write(text []byte) (int, error) { return n.body.Write(text) }

// hand answers with it. Whom it does not reach is gone.
func (n *note) hand(w http.ResponseWriter) {
	maps.Copy(w.Header(), n.header.Clone())
	w.WriteHeader(n.status)
	_, _ = w.Write(n.body.Bytes())
}
