package fault_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"aftercare.dev/deploy/sandbox/fault"
)

func open(t *testing.T, path string) *fault.Set {
	t.Helper()
	s, err := fault.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestRulesFireWhereTheyMatchAndAsOftenAsTheySay(t *testing.T) {
	call := fault.Call{System: "payment", Operation: "refund", Keys: map[string]string{"out_refund_no": "r1"}}
	tests := []struct {
		promise string
		rule    fault.Rule
		want    int // of three calls
	}{
		{"once by default", fault.Rule{System: "payment", Effect: fault.LoseAnswer}, 1},
		{"twice", fault.Rule{System: "payment", Operation: "refund", Effect: fault.LoseAnswer, Times: 2}, 2},
		{"always", fault.Rule{System: "payment", Effect: fault.LoseAnswer, Times: -1}, 3},
		{"for the number that it names", fault.Rule{System: "payment", Effect: fault.LoseAnswer, Times: -1, Match: map[string]string{"out_refund_no": "r1"}}, 3},
		{"not for another number", fault.Rule{System: "payment", Effect: fault.LoseAnswer, Times: -1, Match: map[string]string{"out_refund_no": "r2"}}, 0},
		{"not for a key that the call lacks", fault.Rule{System: "payment", Effect: fault.LoseAnswer, Times: -1, Match: map[string]string{"tracking": "x"}}, 0},
		{"not for another operation", fault.Rule{System: "payment", Operation: "query", Effect: fault.LoseAnswer, Times: -1}, 0},
		{"not for another system", fault.Rule{System: "carrier", Effect: fault.LoseAnswer, Times: -1}, 0},
		{"not for another effect", fault.Rule{System: "payment", Effect: fault.LoseRequest, Times: -1}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "control.ndjson"))
			if _, err := s.Add(tt.rule); err != nil {
				t.Fatal(err)
			}
			fired := 0
			for range 3 {
				if _, ok := s.Take(call, fault.LoseAnswer); ok {
					fired++
				}
			}
			if fired != tt.want {
				t.Fatalf("fired %d times, want %d", fired, tt.want)
			}
		})
	}
}

func TestInvalidRulesAreRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "control.ndjson"))
	for _, r := range []fault.Rule{
		{System: "bank", Effect: fault.Fail},
		{System: "payment", Effect: "explode"},
		{System: "payment", Effect: fault.Outcome},
		{System: "payment", Effect: fault.Delay},
		{System: "payment", Effect: fault.Fail, Times: -2},
	} {
		if _, err := s.Add(r); !errors.Is(err, fault.ErrInvalid) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestRulesSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.ndjson")
	s := open(t, path)
	for _, id := range []string{"used", "gone", "fresh"} {
		if _, err := s.Add(fault.Rule{ID: id, System: "mail", Effect: fault.Fail, Times: 2}); err != nil {
			t.Fatal(err)
		}
	}
	s.Take(fault.Call{System: "mail"}, fault.Fail)
	if _, err := s.Delete("gone"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rules := open(t, path).List()
	if len(rules) != 2 || rules[0].ID != "used" || rules[0].Fired != 1 || rules[1].ID != "fresh" || rules[1].Fired != 0 {
		t.Fatalf("after reopening: %+v", rules)
	}
}

func TestAround(t *testing.T) {
	tests := []struct {
		promise  string
		effect   fault.Effect
		wantDone bool
		wantLost bool
		wantBody string
	}{
		{"a lost answer did the work", fault.LoseAnswer, true, true, ""},
		{"a lost request did nothing", fault.LoseRequest, false, true, ""},
		{"a failure did nothing", fault.Fail, false, false, "refused"},
		{"a delayed answer did the work", fault.Delay, true, false, "done"},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "control.ndjson"))
			if _, err := s.Add(fault.Rule{System: "payment", Effect: tt.effect, MS: 1}); err != nil {
				t.Fatal(err)
			}
			done := false
			a, err := s.Around(context.Background(), fault.Call{System: "payment"}, func() fault.Answer {
				done = true
				return fault.Answer{Body: []byte("done")}
			}, func(fault.Rule) fault.Answer { return fault.Answer{Body: []byte("refused")} })
			if done != tt.wantDone || errors.Is(err, fault.ErrLost) != tt.wantLost || string(a.Body) != tt.wantBody {
				t.Fatalf("done %t, error %v, body %q", done, err, a.Body)
			}
		})
	}
}
