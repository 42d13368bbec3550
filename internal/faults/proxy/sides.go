package proxy

// The pipe in a connection never hears of an error in writing: it would stop taking bytes then, and leave goroutines
// behind that have some. It goes on until its source ends, which it does since a failed write closes both sockets.

// clientSide is where a pipe reads requests and writes answers.
type clientSide struct{ *connection }

func (s clientSide) Read(into []byte) (int, error) {
	for {
		n, err := s.client.Read(into)
		if err != nil || !s.is(&s.muted) {
			return n, err
		}
	}
}

func (s clientSide) Write(answer []byte) (int, error) {
	if s.is(&s.muted) {
		return len(answer), nil
	}
	if _, err := s.client.Write(answer); err != nil {
		s.broke()
	}
	return len(answer), nil
}

// Close is called when upstream has ended and all that it sent is written.
func (s clientSide) Close() error {
	s.proxy.mu.Lock()
	defer s.proxy.mu.Unlock()
	if s.muted && !s.swallowed {
		s.closeUpstream()
	} else if !s.swallowed {
		s.close()
	}
	s.wayEnded()
	return nil
}

// upstreamSide is where a pipe writes requests and reads answers.
type upstreamSide struct{ *connection }

func (s upstreamSide) Read(into []byte) (int, error) {
	for {
		n, err := s.upstream.Read(into)
		if err != nil || s.deliver(into[:n]) {
			return n, err
		}
	}
}

func (s upstreamSide) Write(request []byte) (int, error) {
	if !s.forward(request) {
		return len(request), nil
	}
	s.await(request)
	if _, err := s.upstream.Write(request); err != nil {
		s.broke()
	}
	return len(request), nil
}

// Close is called when the client has ended and all that it sent is written.
func (s upstreamSide) Close() error {
	s.proxy.mu.Lock()
	defer s.proxy.mu.Unlock()
	s.closeClient()
	if !s.swallowed && !s.spent {
		s.closeUpstream()
	}
	s.wayEnded()
	return nil
}

// is reads one of the connection's marks.
func (c *connection) is(mark *bool) bool {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	return *mark
}

// broke ends what a write found broken.
func (c *connection) broke() {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	if !c.muted {
		c.close()
	}
}
