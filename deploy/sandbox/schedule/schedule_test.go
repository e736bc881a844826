package schedule_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"aftercare.dev/deploy/sandbox/schedule"
)

func TestWorkRunsInTheOrderOfItsTime(t *testing.T) {
	start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	s := schedule.NewManual(start, 60)
	var got []string
	note := func(name string) func() {
		return func() { got = append(got, name+" "+s.Now().Sub(start).String()) }
	}
	s.At(s.Due(2*time.Hour), note("late"))
	s.At(s.Due(time.Hour), func() {
		note("early")()
		s.Deliver(s.Due(30*time.Minute), note("planned by early"))
	})
	s.Advance(59 * time.Minute)
	if got != nil {
		t.Fatalf("ran before its time: %q", got)
	}
	s.Advance(3 * time.Hour)
	want := []string{"early 1m0s", "planned by early 1m30s", "late 2m0s"}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestABlockedDeliveryDoesNotStopTheClock(t *testing.T) {
	s := schedule.New(1000)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	release, ran := make(chan struct{}), make(chan struct{})
	s.Deliver(s.Now(), func() { <-release })
	s.At(s.Due(time.Second), func() { close(ran) })
	<-ran
	close(release)
	stop()
	<-ended
}
