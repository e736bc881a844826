package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// entries is a timeline from after up to the version given, of which every third entry is for staff.
func entries(after, version int64, status string) string {
	var list []string
	for n := after + 1; n <= version; n++ {
		kind, audience := "case.step", "everyone"
		if n%3 == 0 {
			audience = "staff"
		}
		if n == version && status == "closed" {
			kind, audience = "case.closed", "everyone"
		}
		list = append(list, fmt.Sprintf(`{"number":%d,"type":%q,"at":"2026-11-21T09:00:00Z","actor":{"role":"agent","id":"a"},"audience":%q,"title":"line\nbreak"}`, n, kind, audience))
	}
	return fmt.Sprintf(`{"entries":[%s],"status":%q,"version":%d}`, strings.Join(list, ","), status, version)
}

// story lets a case grow by one entry for each wait, until it closes.
func story(last int64) http.HandlerFunc {
	version := int64(2)
	return func(out http.ResponseWriter, r *http.Request) {
		after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		if r.URL.Query().Get("wait_seconds") != "" && version < last {
			version++
		}
		status := "open"
		if version == last {
			status = "closed"
		}
		if buyer := r.URL.Query().Get("buyer_id"); buyer != "" && buyer != owner {
			reply(out, 404, "")
			return
		}
		reply(out, 200, entries(after, version, status))
	}
}

func TestAStreamTellsEveryEntryOnceAndEndsWithTheCase(t *testing.T) {
	w := newWorld(t)
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1/timeline", story(5))
	got := w.ask(w.token("a1", "agent"), "GET", "/v1/cases/case_1/events", "").is(200, "")
	if got.header.Get("Content-Type") != "text/event-stream" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.header)
	}
	for n := 1; n <= 5; n++ {
		if count := strings.Count(got.body, fmt.Sprintf("id: %d\n", n)); count != 1 {
			t.Errorf("entry %d is told %d times:\n%s", n, count, got.body)
		}
	}
	if !strings.HasSuffix(got.body, "\n\n") || !strings.Contains(got.body, "id: 5\nevent: case.closed\ndata: {") {
		t.Errorf("ends with %q", got.body)
	}
	for line := range strings.Lines(got.body) {
		if line != "\n" && !strings.HasPrefix(line, "id: ") && !strings.HasPrefix(line, "event: ") && !strings.HasPrefix(line, "data: ") && !strings.HasPrefix(line, ":") {
			t.Errorf("a line is none of a stream: %q", line)
		}
	}
}

func TestAClientThatComesBackGoesOnWhereItWas(t *testing.T) {
	w := newWorld(t)
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1/timeline", story(5))
	token := w.token(owner, "buyer")
	got := w.ask(token, "GET", "/v1/cases/case_1/events", "", "Last-Event-ID", "2").is(200, "")
	if strings.Contains(got.body, "id: 2\n") || strings.Contains(got.body, "id: 3\n") || !strings.Contains(got.body, "id: 4\n") || !strings.Contains(got.body, "id: 5\n") {
		t.Errorf("tells\n%s", got.body)
	}
	if got := w.ask(token, "GET", "/v1/cases/case_1/events", "", "Last-Event-ID", "5"); got.status != http.StatusNoContent {
		t.Errorf("after the end: %d %s", got.status, got.body)
	}
	for _, wrong := range []string{"x", "-1", "99999999999999999999"} {
		w.ask(token, "GET", "/v1/cases/case_1/events", "", "Last-Event-ID", wrong).is(400, "invalid_request").names("Last-Event-ID")
	}
}

// follow opens a stream and returns its lines and an end.
func (w *world) follow(token string) (*http.Response, *bufio.Scanner, context.CancelFunc) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.gateway.URL+"/v1/cases/case_1/events", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer, bufio.NewScanner(answer.Body), func() { cancel(); answer.Body.Close() }
}

func TestEventsArriveAsTheyHappenWithSignsOfLifeBetween(t *testing.T) {
	w := newWorld(t)
	happened := make(chan int64, 10)
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1/timeline", func(out http.ResponseWriter, r *http.Request) {
		after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		version := after
		if r.URL.Query().Get("wait_seconds") != "" {
			select {
			case version = <-happened:
			case <-r.Context().Done():
				return
			}
		}
		reply(out, 200, entries(after, version, "open"))
	})
	_, lines, leave := w.follow(w.token(owner, "buyer"))
	defer leave()
	next := func() string {
		for lines.Scan() {
			if line := lines.Text(); line != "" {
				return line
			}
		}
		t.Fatal("the stream ended")
		return ""
	}
	if got := next(); !strings.HasPrefix(got, ":") {
		t.Errorf("begins with %q", got)
	}
	happened <- 1
	if got := next(); got != "id: 1" {
		t.Errorf("tells %q", got)
	}
	next()
	next()
	happened <- 1 // nothing new
	if got := next(); !strings.HasPrefix(got, ":") {
		t.Errorf("gives the sign of life %q", got)
	}
}

func TestASubjectHasOnlySoManyStreamsAndGetsThemBack(t *testing.T) {
	w := newWorld(t, "GATEWAY_STREAMS_PER_SUBJECT=1")
	w.cases.on("GET /v1/merchants/{merchant}/cases/case_1/timeline", func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("wait_seconds") != "" {
			<-r.Context().Done()
			return
		}
		reply(out, 200, entries(0, 1, "open"))
	})
	token := w.token(owner, "buyer")
	_, lines, leave := w.follow(token)
	if !lines.Scan() {
		t.Fatal("nothing comes")
	}
	w.ask(token, "GET", "/v1/cases/case_1/events", "").is(429, "too_many_streams")
	_, others, leaveToo := w.follow(w.token("a1", "agent"))
	defer leaveToo()
	if !others.Scan() {
		t.Error("somebody else is shut out")
	}
	leave()
	deadline := time.Now().Add(5 * time.Second)
	for {
		answer, _, leave := w.follow(token)
		leave()
		if answer.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the place is never free again")
		}
	}
}
