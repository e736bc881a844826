package httpserver_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"aftercare.dev/services/platform/httpserver"
)

// pipes is a listener whose connections hold nothing back: what one side does not read, the other has not written. In a
// bubble its deadlines pass at once.
type pipes struct {
	accepted chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.accepted <- theirs
	return ours
}

// inBubble runs a server whose timeouts pass at once, and a client of it.
func inBubble(t *testing.T, change func(*httpserver.Options), client func(*testing.T, net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		listener := newPipes()
		server := newServer(t, change)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx, listener) }()
		conn := listener.dial()
		client(t, conn)
		require.NoError(t, conn.Close())
		stop()
		require.NoError(t, <-ended)
	})
}

// lasts is how long it takes until the server ends the connection, whatever it says before.
func lasts(t *testing.T, conn net.Conn) time.Duration {
	t.Helper()
	begin := time.Now()
	_, err := io.Copy(io.Discard, conn)
	require.NoError(t, err)
	return time.Since(begin)
}

// drip sends a byte every second until nobody listens.
func drip(conn net.Conn) {
	for {
		if _, err := conn.Write([]byte("x")); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func TestAClientThatIsSlowDoesNotHoldAConnectionForLong(t *testing.T) {
	tests := map[string]struct {
		sends string
		drips bool
		most  time.Duration
	}{
		"that says nothing":           {"", false, 6 * time.Second},
		"that drips its headers":      {"GET /v1/cases/c1 HTTP/1.1\r\nHost: x\r\nX-Slow: ", true, 6 * time.Second},
		"that drips its body":         {"POST /v1/cases/c1/files HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 900\r\n\r\n", true, 40 * time.Second},
		"that sends a body in chunks": {"POST /v1/cases/c1/files HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n384\r\n", true, 40 * time.Second},
		"that was answered":           {"GET /v1/cases/c1 HTTP/1.1\r\nHost: x\r\n\r\n", false, 125 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, conn net.Conn) {
				var sending sync.WaitGroup
				sending.Go(func() {
					if _, err := io.WriteString(conn, test.sends); err == nil && test.drips {
						drip(conn)
					}
				})
				require.LessOrEqual(t, lasts(t, conn), test.most)
				sending.Wait()
			})
		})
	}
}

func TestAClientThatDoesNotReadItsAnswerIsCutOff(t *testing.T) {
	var wrote chan error
	inBubble(t, func(o *httpserver.Options) {
		wrote = make(chan error, 1) // a channel of the bubble
		o.Register = func(r httpserver.Router) {
			r.GET("/v1/cases/:case_id", func(c echo.Context) error {
				_, err := c.Response().Write([]byte(strings.Repeat("x", 1<<20)))
				wrote <- err
				return err
			})
		}
	}, func(t *testing.T, conn net.Conn) {
		begin := time.Now()
		_, err := io.WriteString(conn, "GET /v1/cases/c1 HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		require.Error(t, <-wrote)
		require.LessOrEqual(t, time.Since(begin), 45*time.Second)
	})
}

func TestOnlySoManyRequestsAreUnderWayAtOnce(t *testing.T) {
	begun, finish := make(chan struct{}, 3), make(chan struct{})
	s := newServer(t, func(o *httpserver.Options) {
		o.MaxInFlight = 2
		o.Streams = []string{"followEvents"}
		o.Register = func(r httpserver.Router) {
			r.GET("/v1/cases/:case_id", func(c echo.Context) error {
				begun <- struct{}{}
				<-finish
				return c.NoContent(http.StatusOK)
			})
			r.GET("/v1/events", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
		}
	})
	var underWay sync.WaitGroup
	for range 2 {
		underWay.Go(func() { ask(t, s, "GET", "/v1/cases/c1", "") })
		<-begun
	}
	refused := ask(t, s, "GET", "/v1/cases/c1", "")
	require.Equal(t, http.StatusTooManyRequests, refused.Code)
	require.Equal(t, "too_many_requests", decode(t, refused).Code)
	require.Equal(t, "1", refused.Header().Get("Retry-After"))
	require.Equal(t, http.StatusOK, ask(t, s, "GET", "/livez", "").Code, "probes have their own room")
	require.Equal(t, http.StatusOK, ask(t, s, "GET", "/v1/events", "").Code, "streams have their own room")
	close(finish)
	underWay.Wait()
	require.Equal(t, http.StatusOK, ask(t, s, "GET", "/v1/cases/c1", "").Code)
}

func TestHeadersHaveABound(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, conn net.Conn) {
		go func() {
			_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: "+strings.Repeat("x", 128<<10)+"\r\n\r\n")
		}()
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		defer answer.Body.Close()
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer.StatusCode)
	})
}
