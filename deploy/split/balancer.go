package split

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// polling is how often the balancer asks whether an instance is ready.
const polling = 100 * time.Millisecond

// balancer gives each new connection to a ready instance, one after the other, as a Kubernetes Service does. It knows
// bytes and no requests: a connection stays with its instance until one of the two closes it, and nothing is sent twice.
// Without a ready instance the connection is closed.
type balancer struct {
	URL string

	listener  net.Listener
	instances []*instance
	turn      atomic.Uint64
	stop      context.CancelFunc
	running   sync.WaitGroup
}

type instance struct {
	url, addr string
	ready     atomic.Bool
}

// newBalancer listens; it forwards once it is started.
func newBalancer(ctx context.Context) (*balancer, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &balancer{URL: "http://" + listener.Addr().String(), listener: listener}, nil
}

func (b *balancer) add(p *Process) {
	b.instances = append(b.instances, &instance{url: p.URL, addr: p.URL[len("http://"):]})
}

// start forwards until close.
func (b *balancer) start(ctx context.Context) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	for _, i := range b.instances {
		b.running.Go(func() { i.watch(ctx) })
	}
	b.running.Go(func() {
		for {
			client, err := b.listener.Accept()
			if err != nil {
				return
			}
			b.running.Go(func() { b.forward(ctx, client) })
		}
	})
}

// watch asks an instance whether it is ready, until ctx ends.
func (i *instance) watch(ctx context.Context) {
	tick := time.NewTicker(polling)
	defer tick.Stop()
	for {
		said, err := ready(ctx, i.url+readyz)
		i.ready.Store(err == nil && said.Status == "ready")
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// next is the ready instance whose turn it is, or nil.
func (b *balancer) next() *instance {
	n := uint64(len(b.instances))
	begin := b.turn.Add(1)
	for k := range n {
		if i := b.instances[(begin+k)%n]; i.ready.Load() {
			return i
		}
	}
	return nil
}

func (b *balancer) forward(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	to := b.next()
	if to == nil {
		return
	}
	server, err := new(net.Dialer).DialContext(ctx, "tcp", to.addr)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	// The end of the balancer is the end of its connections.
	defer context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })()
	var half sync.WaitGroup
	half.Go(func() { pipe(server, client) })
	pipe(client, server)
	half.Wait()
}

// pipe passes on bytes, and then their end.
func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if err != nil {
		// A connection that broke breaks on the other side, too.
		_, _ = to.Close(), from.Close()
		return
	}
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

func (b *balancer) close() {
	_ = b.listener.Close()
	if b.stop != nil {
		b.stop()
	}
	b.running.Wait()
}
