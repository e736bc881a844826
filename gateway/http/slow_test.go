package http

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	cases "aftercare.dev/services/cases/api"
)

// one is a listener that has one connection to give.
type one struct {
	conn chan net.Conn
}

func (l one) Accept() (net.Conn, error) {
	if c, ok := <-l.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (one) Close() error   { return nil }
func (one) Addr() net.Addr { return &net.TCPAddr{} }

func TestAStreamThatNobodyReadsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		server := &http.Server{
			ReadHeaderTimeout: time.Second,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ended <- new(Handlers).stream(r.Context(), w, "case_1", 0, cases.Timeline{Entries: make([]cases.Entry, eventsAtOnce)})
			}),
		}
		client, conn := net.Pipe()
		listener := one{make(chan net.Conn, 1)}
		listener.conn <- conn
		go func() { _ = server.Serve(listener) }()
		begin := time.Now()
		_, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		require.Error(t, <-ended)
		require.LessOrEqual(t, time.Since(begin), sendTimeout+time.Second)
		require.NoError(t, client.Close())
		close(listener.conn)
		require.NoError(t, server.Close())
	})
}
