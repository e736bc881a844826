package split

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
)

// ports are tried one after the other, below those that a system gives to connections by itself: a port must still be
// free when its process comes back to it.
var ports = func() *atomic.Int64 {
	var next atomic.Int64
	next.Store(15_000 + rand.Int64N(12_000))
	return &next
}()

// FreeAddress finds an address of this machine that nobody listens at and that no connection takes by chance.
func FreeAddress(ctx context.Context) (string, error) {
	for range 1000 {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", ports.Add(1)))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", errors.New("no port is free")
}
