package testservers

// LeasePort takes a free port for a listener of the caller's own and returns host:port. Like a server's, the port
// belongs to nobody else who uses this package, and no outgoing connection takes it, also while nobody listens
// there. The caller gives it back with release, after the listener is closed.
func LeasePort() (addr string, release func() error, err error) {
	p, err := leasePort()
	if err != nil {
		return "", nil, err
	}
	return p.addr(), p.release, nil
}
