package ids_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"aftercare.dev/services/platform/ids"
)

func TestIdsOfManyGoroutinesDiffer(t *testing.T) {
	const workers, each = 8, 2000
	minted := make([][]string, workers)
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			for range each {
				minted[w] = append(minted[w], ids.New("case"))
			}
		})
	}
	running.Wait()
	seen := map[string]bool{}
	for _, some := range minted {
		if !slices.IsSorted(some) {
			t.Error("later ids sort before earlier ones")
		}
		for _, id := range some {
			if seen[id] {
				t.Fatalf("%s was minted twice", id)
			}
			seen[id] = true
			if !ids.Is("case", id) {
				t.Fatalf("%s is not the id of a case", id)
			}
		}
	}
}

func TestAnIdTellsWhenItWasMinted(t *testing.T) {
	at, ok := ids.Time(ids.New("case"))
	if since := time.Since(at); !ok || since < -time.Second || since > time.Minute {
		t.Errorf("got %v, %v", at, ok)
	}
}

func TestIsKnowsAnIdByItsForm(t *testing.T) {
	tests := map[string]struct {
		id   string
		want bool
	}{
		"an id":                   {"case_01JD2T5S4FYQ1C9X3W7B8M6N0K", true},
		"another prefix":          {"refund_01JD2T5S4FYQ1C9X3W7B8M6N0K", false},
		"no prefix":               {"01JD2T5S4FYQ1C9X3W7B8M6N0K", false},
		"a letter too few":        {"case_01JD2T5S4FYQ1C9X3W7B8M6N0", false},
		"lower case":              {"case_01jd2t5s4fyq1c9x3w7b8m6n0k", false},
		"letters without meaning": {"case_01JD2T5S4FYQ1C9X3W7B8M6N0U", false},
		"nothing":                 {"", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := ids.Is("case", test.id); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestADerivedIdBelongsToItsParts(t *testing.T) {
	id := ids.Derive("case", "merchant", "key")
	if !ids.Is("case", id) {
		t.Errorf("%s is not the id of a case", id)
	}
	if again := ids.Derive("case", "merchant", "key"); again != id {
		t.Errorf("%s the second time, %s the first", again, id)
	}
	for _, parts := range [][]string{{"merchantk", "ey"}, {"merchant", "key", ""}, {"merchantkey"}, {}} {
		if other := ids.Derive("case", parts...); other == id {
			t.Errorf("%q have the same id", parts)
		}
	}
}
