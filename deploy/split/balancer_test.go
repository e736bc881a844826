package split

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answering is an instance that says who it is, and is ready or not.
func answering(t *testing.T, name string, ready *atomic.Bool) *Process {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == readyz && !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":"draining"}`))
			return
		}
		_, _ = w.Write([]byte(name))
	}))
	t.Cleanup(server.Close)
	return &Process{Name: name, URL: server.URL}
}

// who answers a request through the balancer, on a connection of the client.
func who(t *testing.T, client *http.Client, b *balancer) string {
	t.Helper()
	answer, err := client.Get(b.URL)
	if err != nil {
		return "nobody"
	}
	defer answer.Body.Close()
	content := make([]byte, 16)
	n, _ := answer.Body.Read(content)
	return string(content[:n])
}

func TestNewConnectionsGoToInstancesThatAreReadyAndOldOnesStay(t *testing.T) {
	var one, two atomic.Bool
	one.Store(true)
	two.Store(true)
	b, err := newBalancer(t.Context())
	require.NoError(t, err)
	b.add(answering(t, "one", &one))
	b.add(answering(t, "two", &two))
	b.start(t.Context())
	t.Cleanup(b.close)

	each := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	seen := map[string]bool{}
	require.Eventually(t, func() bool { seen[who(t, each, b)] = true; return seen["one"] && seen["two"] }, 5*time.Second, time.Millisecond)

	keeping := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(keeping.CloseIdleConnections)
	mine := who(t, keeping, b)
	other := "two"
	if mine == "two" {
		other = "one"
	}
	map[string]*atomic.Bool{"one": &one, "two": &two}[mine].Store(false)
	require.Eventually(t, func() bool { return !b.instances[0].ready.Load() || !b.instances[1].ready.Load() }, 5*time.Second, time.Millisecond)
	for range 5 {
		require.Equal(t, other, who(t, each, b), "new connections avoid who is not ready")
		require.Equal(t, mine, who(t, keeping, b), "a connection stays where it is")
	}

	one.Store(false)
	two.Store(false)
	require.Eventually(t, func() bool { return who(t, each, b) == "nobody" }, 5*time.Second, time.Millisecond)
}
