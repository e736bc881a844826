package fault

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// ErrLost says that the caller must see its connection drop.
var ErrLost = errors.New("connection lost on purpose")

// Answer is a whole HTTP answer, made before any of it is sent.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Around does the work of a call, with the rules about its request and its
// answer applied. refuse makes the provider's own error of a fail rule.
func (s *Set) Around(ctx context.Context, c Call, do func() Answer, refuse func(Rule) Answer) (Answer, error) {
	if _, ok := s.Take(c, LoseRequest); ok {
		return Answer{}, ErrLost
	}
	var answer Answer
	if r, ok := s.Take(c, Fail); ok {
		answer = refuse(r)
	} else {
		answer = do()
	}
	if r, ok := s.Take(c, Delay); ok {
		Sleep(ctx, time.Duration(r.MS)*time.Millisecond)
	}
	if _, ok := s.Take(c, LoseAnswer); ok {
		return Answer{}, ErrLost
	}
	return answer, nil
}

// Serve is Around for an HTTP handler: a lost call ends as a dropped connection.
func (s *Set) Serve(w http.ResponseWriter, r *http.Request, c Call, do func() Answer, refuse func(Rule) Answer) {
	answer, err := s.Around(r.Context(), c, do, refuse)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	answer.Send(w)
}

// Send sends the answer.
func (a Answer) Send(w http.ResponseWriter) {
	for k, v := range a.Header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // a caller that left is not our concern
}

// Sleep waits for d or for the end of ctx.
func Sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
