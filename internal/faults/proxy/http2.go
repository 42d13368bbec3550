package proxy

import (
	"bytes"
	"encoding/binary"
)

// HTTP/2 answers many requests at once on one connection, and sends frames of its own in between, so that what comes
// next is not the answer. Its frames are therefore followed, far enough to know to which request bytes belong.

// preface is what a client of HTTP/2 begins with.
var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// Types of frames, by RFC 9113.
const (
	headersFrame = 0x1
	resetFrame   = 0x3
)

// frameHeader is the size of what every frame begins with, in bytes.
const frameHeader = 9

// A frame is the part of an HTTP/2 frame that is in some bytes.
type frame struct {
	kind   byte
	stream uint32 // which request it is about
	begins bool   // its beginning is among the bytes
	end    int    // where its part of the bytes ends
}

// frames follows the frames of one direction of a connection. On other protocols what it finds means nothing.
type frames struct {
	header [frameHeader]byte
	have   int // bytes of a header that is not whole yet
	left   int // bytes of the payload to come
}

// read returns the frames in bytes, the first and last of which may be in part.
func (f *frames) read(bytes []byte) []frame {
	var found []frame
	for at := 0; at < len(bytes); {
		begins := f.left == 0
		if begins {
			n := copy(f.header[f.have:], bytes[at:])
			f.have, at = f.have+n, at+n
			if f.have < frameHeader {
				break
			}
			f.have, f.left = 0, int(binary.BigEndian.Uint32(f.header[:])>>8)
		}
		n := min(f.left, len(bytes)-at)
		f.left, at = f.left-n, at+n
		// The stream's first bit is reserved.
		stream := binary.BigEndian.Uint32(f.header[5:]) &^ (1 << 31)
		found = append(found, frame{kind: f.header[3], stream: stream, begins: begins, end: at})
	}
	return found
}

// A requestReader tells HTTP/2 from other protocols, and follows the frames of its requests.
type requestReader struct {
	begun  int  // bytes of the preface that have come
	other  bool // it is not HTTP/2
	frames frames
}

// read returns the frames in bytes that a client sent, if it speaks HTTP/2.
func (r *requestReader) read(request []byte) (found []frame, isHTTP2 bool) {
	opening := min(len(request), len(preface)-r.begun)
	if r.other || !bytes.Equal(request[:opening], preface[r.begun:r.begun+opening]) {
		r.other = true
		return nil, false
	}
	r.begun += opening
	found = r.frames.read(request[opening:])
	for i := range found {
		found[i].end += opening
	}
	return found, r.begun == len(preface)
}
