package callback_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"aftercare.dev/deploy/sandbox/callback"
	"aftercare.dev/deploy/sandbox/fault"
	"aftercare.dev/deploy/sandbox/internal/lab"
)

func delivery(l *lab.Lab, id string, results *[]string) *callback.Delivery {
	build := func(body string) func(context.Context, time.Time) (*http.Request, error) {
		return func(ctx context.Context, _ time.Time) (*http.Request, error) {
			return http.NewRequestWithContext(ctx, http.MethodPost, l.Product.URL, bytes.NewReader([]byte(body)))
		}
	}
	return &callback.Delivery{
		ID: id, System: "payment", Keys: map[string]string{"id": id}, Subject: "one",
		Build: build(id), Forge: build("forged " + id),
		Acked:  func(status int, _ []byte) bool { return status == http.StatusOK },
		Waits:  []time.Duration{time.Minute, time.Hour},
		Record: func(_ int, result string) { *results = append(*results, result) },
	}
}

func bodies(l *lab.Lab) []string {
	var out []string
	for _, r := range l.Product.Take() {
		out = append(out, string(r.Body))
	}
	return out
}

func TestACallbackIsRetriedUntilItIsAccepted(t *testing.T) {
	l := lab.New(t)
	var results []string
	l.Product.Answers(http.StatusInternalServerError, "")
	l.Callbacks.Send(delivery(l, "a", &results))
	l.Clock.Advance(0)
	l.Clock.Advance(59 * time.Second)
	if got := bodies(l); len(got) != 1 {
		t.Fatalf("%d attempts before the first wait is over, want 1", len(got))
	}
	l.Product.Answers(http.StatusOK, "")
	l.Clock.Advance(time.Second)
	l.Clock.Advance(24 * time.Hour)
	if got := bodies(l); len(got) != 1 {
		t.Fatalf("%d attempts after that, want 1", len(got))
	}
	if want := []string{callback.Failed, callback.Acknowledged}; !slices.Equal(results, want) {
		t.Fatalf("recorded %q, want %q", results, want)
	}
}

func TestACallbackIsGivenUpAtTheEndOfItsSchedule(t *testing.T) {
	l := lab.New(t)
	var results []string
	l.Product.Answers(http.StatusInternalServerError, "")
	l.Callbacks.Send(delivery(l, "a", &results))
	l.Clock.Advance(24 * time.Hour)
	if want := []string{callback.Failed, callback.Failed, callback.GivenUp}; !slices.Equal(results, want) {
		t.Fatalf("recorded %q, want %q", results, want)
	}
}

func TestRulesAboutCallbacks(t *testing.T) {
	tests := []struct {
		promise string
		rule    fault.Rule
		want    []string
	}{
		{"without a rule they arrive in order", fault.Rule{System: "mail", Effect: fault.Fail}, []string{"a", "b"}},
		{"a dropped one never arrives", fault.Rule{System: "payment", Effect: fault.DropCallbacks}, []string{"b"}},
		{"a duplicated one arrives more than once", fault.Rule{System: "payment", Effect: fault.DuplicateCallback, N: 2}, []string{"a", "a", "a", "b"}},
		{"a reordered one arrives after the next", fault.Rule{System: "payment", Effect: fault.ReorderCallbacks}, []string{"b", "a"}},
		{"a delayed one arrives later", fault.Rule{System: "payment", Effect: fault.Delay, MS: 5}, []string{"b", "a"}},
		{"a forged one arrives besides", fault.Rule{System: "payment", Effect: fault.ForgeCallback}, []string{"forged a", "a", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			l := lab.New(t)
			l.Rule(t, tt.rule)
			var results []string
			l.Callbacks.Send(delivery(l, "a", &results))
			l.Callbacks.Send(delivery(l, "b", &results))
			l.Clock.Advance(time.Second)
			if got := bodies(l); !slices.Equal(got, tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAReorderedCallbackArrivesEvenIfNothingFollows(t *testing.T) {
	l := lab.New(t)
	l.Rule(t, fault.Rule{System: "payment", Effect: fault.ReorderCallbacks})
	var results []string
	l.Callbacks.Send(delivery(l, "a", &results))
	l.Clock.Advance(time.Hour)
	if got := bodies(l); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("got %q", got)
	}
}

func TestTheBacklogKnowsWhatIsStillToBeBrought(t *testing.T) {
	l := lab.New(t)
	var results []string
	var b callback.Backlog
	for _, id := range []string{"done", "tried", "dropped", "new"} {
		b.Owe(delivery(l, id, &results))
	}
	b.Note(callback.Line{ID: "done", Attempt: 1, Result: callback.Acknowledged})
	b.Note(callback.Line{ID: "tried", Attempt: 1, Result: callback.Failed})
	b.Note(callback.Line{ID: "dropped", Result: callback.Dropped})
	var ids []string
	for _, m := range b.Rest() {
		ids = append(ids, m.ID)
		if m.ID == "tried" && m.Attempt != 1 {
			t.Errorf("attempts are forgotten")
		}
	}
	if !slices.Equal(ids, []string{"tried", "new"}) {
		t.Fatalf("got %q", ids)
	}
}
